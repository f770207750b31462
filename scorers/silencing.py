"""Checkpoints with parts set to zero, on which a port shows what each of its parts computes.

head: no layer adds anything. mlp: no attention. values: no MLP and every query zero, at position 0. mask: the same, at
all positions. attention: no MLP. layer 0, layer 1, ...: no other layer adds anything.
"""

from collections.abc import Sequence

import numpy as np

from reference.architecture import Architecture
from reference.transformer import Weights, forward
from reference.variant import Call
from variants.ports import head_sizes


def silenced_calls(architecture: Architecture, calls: Sequence[Call]) -> dict[str, list[Call]]:
    """Part -> a call of each of the two checkpoints that the graded calls are made with."""
    longest = max(call.tokens.shape[1] for call in calls)
    asked: dict[str, list[Call]] = {}
    for weights, tokens, _ in calls:
        if tokens.shape[1] < longest:
            continue
        for part, silenced in parts(weights, architecture).items():
            given = tokens.reshape(-1, 1) if part in ("head", "mlp", "values") else tokens
            call = Call(silenced, given, forward(silenced, given, architecture))
            asked.setdefault(part, []).append(call)
    return asked


def parts(weights: Weights, architecture: Architecture) -> dict[str, Weights]:
    """Part -> the checkpoint with all else set to zero."""
    unasked = without_queries(without(weights, ".w_out"), architecture)
    silenced = {
        "head": without(weights, ".w_o", ".w_out"),
        "mlp": without(weights, ".w_o"),
        "values": unasked,
        "mask": unasked,
        "attention": without(weights, ".w_out"),
    }
    for layer in range(sum(name.endswith("w_o") for name in weights)):
        silenced[f"layer {layer}"] = without(weights, ".w_o", ".w_out", but=f"layers.{layer}.")
    return silenced


def without(weights: Weights, *ends: str, but: str = "nothing") -> Weights:
    silenced = dict(weights)
    for name, tensor in weights.items():
        if name.endswith(ends) and not name.startswith(but):
            silenced[name] = np.zeros_like(tensor)
    return silenced


def without_queries(weights: Weights, architecture: Architecture) -> Weights:
    """With q of zero, every score is zero."""
    head_dim, kv_heads = head_sizes(weights, architecture.heads)
    groups = kv_heads if architecture.qkv_layout == "per_group" else 1
    silenced = dict(weights)
    for name, tensor in weights.items():
        if name.endswith(("w_qkv", "b_qkv")):
            silenced[name] = tensor.copy()
            grouped = silenced[name].reshape(groups, -1, head_dim, *tensor.shape[1:])
            grouped[:, : architecture.heads // groups] = 0
    return silenced
