"""All heads at once by einsum, with the query heads grouped by their key head."""

import numpy as np
from parts import A, bias, projected, qkv, run, scored, shares


def attention(x, w, i):
    q, k, v = qkv(x, w, i)
    (batch, length, kv, hd), positions = k.shape, np.arange(x.shape[1])
    q = q.reshape(batch, length, kv, -1, hd)
    s = scored(np.einsum("bqgnd,bkgd->bgnqk", q, k), i, hd)
    s = s + bias(i, positions, positions, x.dtype).reshape(kv, -1, length, length)
    sink = w["b_head"].reshape(kv, -1, 1, 1) if A.sinks else None
    y = np.einsum("bgnqk,bkgd->bqgnd", shares(s, sink), v)
    return projected(y.reshape(batch, length, -1), x, w)


def forward(weights, tokens):
    w = {name: tensor.astype(np.float64) for name, tensor in weights.items()}
    return run(w, tokens, attention)
