"""A variant: the calls that its original answers, those of the traces and of the probes.

Activations are scaled so that choices show: a residual stream near 0.03 makes norm_eps visible, scores and
logits near their caps make the caps visible. What embedding_multiplier and logit_scale do to that scale the
stored tensor takes back, times a random factor, so that its size does not give the multiplier away.
"""

from functools import lru_cache
from math import sqrt

import numpy as np

from reference.architecture import Architecture
from reference.transformer import NORMS, forward

PROBES = ((1, 1), (3, 7), (5, 2), (1, 31), (2, 48), (4, 19))  # batch, length


@lru_cache(16)  # those of the samples that run; one that fell out is built again
def build(seed: int, a: Architecture) -> list[tuple]:
    """Calls: weights, tokens (B, T), and the original's logits (B, T, V) in float64. The first is that of the
    traces, (8, 48) with every token id; the others are the probes, each shape with both checkpoints."""
    rng = np.random.default_rng(seed)
    sizes = (3, 4), (16, 24), (48, 64), (80, 112), (80, 96), [n for n in (2, 4, 8) if n <= a.heads]
    layers, head_dim, hidden, mlp, vocabulary, kv_heads = (int(rng.choice(size)) for size in sizes)
    # a branch that is normed after it adds about 1 to the stream
    stream = (1 if a.block in ("post", "sandwich") else 0.03) / a.embedding_multiplier
    gain = (1 - a.gain_offset, 0.3)
    layer = {  # mean, standard deviation, shape
        "w_qkv": (0, 1.4 / sqrt(hidden), ((a.heads + 2 * kv_heads) * head_dim, hidden)),
        "w_o": (0, 0.05 / sqrt(a.heads * head_dim), (hidden, a.heads * head_dim)),
        "w_in": (0, 1.4 / sqrt(hidden), (2 * mlp, hidden)),
        "w_out": (0, 0.06 / sqrt(mlp), (hidden, mlp)),
        **{f"norm_{n}": (*gain, (hidden,)) for n in NORMS.get(a.block, (1, 2))},
        **{name: (*gain, (head_dim,)) for name in ("norm_q", "norm_k") if "head" in str(a.qk_norm)},
        **{name: (0, 1, (a.heads,)) for name in ("b_head",) if a.sinks},
    }
    model = {
        "embed": (0, stream * (0.5 + rng.random()), (vocabulary, hidden)),
        **{f"layers.{i}.{name}": layer[name] for i in range(layers) for name in layer},
        "final_norm": (*gain, (hidden,)),
        "unembed": (0, (2 + 4 * rng.random()) / sqrt(hidden) / a.logit_scale, (vocabulary, hidden)),
    }
    checkpoints = [{n: rng.normal(*model[n]).astype(np.float32) for n in model} for _ in range(2)]
    traces = rng.permutation(np.resize(np.arange(vocabulary), 8 * 48)).reshape(8, 48)
    probes = [(w, rng.integers(vocabulary, size=size)) for size in PROBES for w in checkpoints]
    return [(w, tokens, forward(w, tokens, a)) for w, tokens in [(checkpoints[0], traces), *probes]]


def load(row: dict) -> tuple[Architecture, list[tuple]]:
    """The variant that a row of dataset.jsonl spells out."""
    a = Architecture(**row["architecture"])
    return a, build(row["seed"], a)
