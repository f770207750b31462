"""What a port can make of a checkpoint that it reads in another way than the original does."""

import re
from collections.abc import Callable
from dataclasses import replace
from math import sqrt

import numpy as np

from reference.architecture import Architecture
from reference.transformer import BLOCKS, Weights

Port = tuple[Weights, Architecture]
"""A port as a forward pass of the reference: what it computes is forward(weights, tokens, architecture)."""


def with_block(weights: Weights, block: str, other: str) -> Weights:
    """The checkpoint of a block as a port with another block reads it: each norm is the one that stands in its
    place or, where none does, the first of the layer."""
    kept = {name: tensor for name, tensor in weights.items() if not re.search(r"norm_\d", name)}
    for name in [name for name in weights if name.endswith("w_o")]:
        layer = name.removesuffix("w_o")
        for mine, theirs in zip(BLOCKS[block], BLOCKS[other], strict=True):
            kept.setdefault(f"{layer}norm_{theirs}", weights[f"{layer}norm_{mine or 1}"])
    return kept


def head_counts(weights: Weights) -> list[int]:
    """Query heads that fit the shapes: an even head size, and KV heads that divide the query heads."""
    rows, width = weights["layers.0.w_qkv"].shape[0], weights["layers.0.w_o"].shape[1]
    counts = []
    for heads in range(1, width // 2 + 1):
        kv_heads = (rows / (width // heads) - heads) / 2
        if width % (2 * heads) == 0 and kv_heads >= 1 and heads % kv_heads == 0:
            counts.append(heads)
    return counts


def head_sizes(weights: Weights, heads: int) -> tuple[int, int]:
    """Head size and KV heads."""
    head_dim = weights["layers.0.w_o"].shape[1] // heads
    return head_dim, (len(weights["layers.0.w_qkv"]) // head_dim - heads) // 2


def with_heads(weights: Weights, architecture: Architecture, change: Callable) -> Port:
    """The port that reads changed heads of q, k and v, which change() is given as (heads, head size, ...)."""
    heads = architecture.heads
    head_dim, kv_heads = head_sizes(weights, heads)
    groups = kv_heads if architecture.qkv_layout == "per_group" else 1
    changed = dict(weights)
    for name, tensor in weights.items():
        if name.endswith(("w_qkv", "b_qkv")):
            grouped = tensor.reshape(groups, -1, head_dim, *tensor.shape[1:])
            parts = np.split(grouped, [heads // groups, (heads + kv_heads) // groups], 1)
            q, k, v = (part.reshape(-1, head_dim, *tensor.shape[1:]) for part in parts)
            changed[name] = np.concatenate(change(q, k, v)).reshape(-1, *tensor.shape[1:])
    return changed, replace(architecture, qkv_layout="q_k_v")


def tiled_heads(weights: Weights, architecture: Architecture) -> Port:
    """Query head h reads KV head h % KV: the usual porting bug."""

    def tile(q, k, v):
        return q, np.resize(k, q.shape), np.resize(v, q.shape)

    tiled, architecture = with_heads(weights, architecture, tile)
    for name, gain in weights.items():
        if name.endswith("norm_k"):
            tiled[name] = np.resize(gain, weights[name.replace("norm_k", "norm_q")].shape)
    return tiled, architecture


def summed_eps(weights: Weights, architecture: Architecture) -> Port:
    """norm_eps is added to the sum of squares of q and of k, not to their mean: the same as a norm of sqrt(n) q."""
    together = architecture.qk_norm == "all_heads"

    def grow(q, k, v):
        return *(part * sqrt(part.shape[1] * (len(part) if together else 1)) for part in (q, k)), v

    return with_heads(weights, architecture, grow)
