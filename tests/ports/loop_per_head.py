"""A loop over the heads, in float64; every head is a matrix product by itself."""

import numpy as np
from parts import A, bias, projected, qkv, run, scored, shares


def attention(x, w, i):
    q, k, v = qkv(x, w, i)
    positions, hd, group = np.arange(x.shape[1]), q.shape[3], A.heads // k.shape[2]
    added, heads = bias(i, positions, positions, x.dtype), []
    for h in range(A.heads):
        g = h // group
        s = scored(q[:, :, h] @ k[:, :, g].swapaxes(1, 2), i, hd) + added[h]
        heads.append(shares(s, w["b_head"][h] if A.sinks else None) @ v[:, :, g])
    return projected(np.concatenate(heads, 2), x, w)


def forward(weights, tokens):
    w = {name: tensor.astype(np.float64) for name, tensor in weights.items()}
    return run(w, tokens, attention)
