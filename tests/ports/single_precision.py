"""float32 throughout, weights as they are given; float64 nowhere, and the answer is float32."""

import numpy as np
from parts import A, bias, projected, qkv, run, scored, shares


def attention(x, w, i):
    q, k, v = (y.swapaxes(1, 2) for y in qkv(x, w, i))  # (B, heads, T, hd)
    k, v = (y.repeat(A.heads // y.shape[1], 1) for y in (k, v))
    positions = np.arange(x.shape[1])
    s = scored(q @ k.swapaxes(2, 3), i, q.shape[3]) + bias(i, positions, positions, x.dtype)
    y = (shares(s, w["b_head"][:, None, None] if A.sinks else None) @ v).swapaxes(1, 2)
    return projected(y.reshape(*x.shape[:2], -1), x, w)


def forward(weights, tokens):
    logits = run(weights, tokens, attention)
    if logits.dtype != np.float32:
        raise TypeError(f"{logits.dtype} crept in")
    return logits
