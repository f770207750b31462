"""A variant: two checkpoints of an architecture, and the calls that its original answers.

Activations are scaled so that choices show: a residual stream near 0.03 makes norm_eps visible, scores and logits
near their caps make the caps visible. What embedding_multiplier and logit_scale do to that scale the stored tensor
takes back, times a random factor, so that its size does not give the multiplier away.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from reference.architecture import Architecture
from reference.transformer import BLOCKS, Weights, forward

PROBES = ((1, 1), (3, 7), (5, 2), (1, 31), (2, 48), (4, 19))
"""Batch and length of the graded calls; each is made with both checkpoints."""


class Call(NamedTuple):
    """What a forward pass is given, and what the original answers."""

    weights: Weights
    tokens: np.ndarray  # (B, T)
    logits: np.ndarray  # (B, T, V), float64


def layer_parameters(arch: Architecture, hidden=1, head_dim=1, kv_heads=1, mlp=1) -> dict:
    """Name -> mean, standard deviation and shape, of every parameter of one layer."""
    attended, key_width = arch.heads * head_dim, kv_heads * head_dim
    gain = (1 - arch.gain_offset, 0.3)
    normed = (attended, key_width) if arch.qk_norm == "all_heads" else (head_dim, head_dim)
    has_gains = arch.qk_norm not in (None, "no_gain")
    parameters = {
        "w_qkv": (0, 1.4 * hidden**-0.5, (attended + 2 * key_width, hidden)),
        "b_qkv": arch.qkv_bias and (0, 0.5, (attended + 2 * key_width,)),
        "norm_q": has_gains and (*gain, normed[:1]),
        "norm_k": has_gains and (*gain, normed[1:]),
        "b_head": arch.sinks and (0, 1, (arch.heads,)),
        "w_gate": arch.attention_gate and (0, 1.4 * hidden**-0.5, (attended, hidden)),
        "w_o": (0, 0.05 * attended**-0.5, (hidden, attended)),
        "w_in": (0, 1.4 * hidden**-0.5, (2 * mlp, hidden)),
        "w_out": (0, 0.06 * mlp**-0.5, (hidden, mlp)),
    }
    parameters |= {f"norm_{n}": (*gain, (hidden,)) for n in BLOCKS[arch.block] if n}
    return {name: parameter for name, parameter in parameters.items() if parameter}


def checkpoints(arch: Architecture, random: np.random.Generator) -> list[Weights]:
    """Two of the same sizes, in float32; three of four variants have fewer KV heads than query heads."""
    sizes = (3, 4), (16, 24), (48, 64), (80, 112), (80, 96), (2, arch.heads // 2)
    layers, head_dim, hidden, mlp, vocabulary, kv_heads = (int(random.choice(s)) for s in sizes)
    kv_heads = arch.heads if random.random() < 0.25 else kv_heads
    layer = layer_parameters(arch, hidden, head_dim, kv_heads, mlp)
    # a branch that is normed after it adds about 1 to the stream
    stream = (1 if arch.block in ("post", "sandwich") else 0.03) * (0.5 + random.random())
    logits = (2 + 4 * random.random()) * hidden**-0.5
    model = {
        "embed": (0, stream / arch.embedding_multiplier, (vocabulary, hidden)),
        "final_norm": (1 - arch.gain_offset, 0.3, (hidden,)),
        "unembed": (0, logits / arch.logit_scale, (vocabulary, hidden)),
    }
    for i in range(layers):
        model |= {f"layers.{i}.{name}": layer[name] for name in layer}
    return [{n: random.normal(*model[n]).astype(np.float32) for n in model} for _ in range(2)]


@lru_cache(16)  # those of the samples that run; one that fell out is built again
def build(seed: str, number: int, arch: Architecture) -> list[Call]:
    """The call of the traces, (8, 48) with every token id, then those of the probes. The seed of a dataset, 128 bits
    in hexadecimal, has a child for each row; of its children, 0 makes the architecture and 1 all else."""
    random = np.random.default_rng(np.random.SeedSequence(int(seed, 16), spawn_key=(number, 1)))
    first, second = checkpoints(arch, random)
    vocabulary = len(first["embed"])
    asked = [(first, random.permutation(np.resize(np.arange(vocabulary), 8 * 48)).reshape(8, 48))]
    for shape in PROBES:
        asked += [(weights, random.integers(vocabulary, size=shape)) for weights in (first, second)]
    return [Call(weights, tokens, forward(weights, tokens, arch)) for weights, tokens in asked]
