"""Incremental decoding: one position at a time for the whole batch, with cached keys and values."""

import numpy as np
from parts import A, bias, block, embedded, layers, projected, qkv, scored, shares, unembedded


def attention(x, w, i, cache, t):
    q, k, v = qkv(x, w, i, first=t)
    cache.append((k[:, 0], v[:, 0]))
    keys, values = (np.stack(kept, 1).repeat(A.heads // k.shape[2], 2) for kept in zip(*cache))
    s = scored((q * keys).sum(3), i, q.shape[3]).swapaxes(1, 2)[:, :, None]  # (B, H, 1, key)
    s = s + bias(i, np.array([t]), np.arange(t + 1), x.dtype)
    p = shares(s, w["b_head"][:, None, None] if A.sinks else None)[:, :, 0]
    y = (p.swapaxes(1, 2)[..., None] * values).sum(1)
    return projected(y.reshape(len(x), 1, -1), x, w)


def forward(weights, tokens):
    w = {name: tensor.astype(np.float64) for name, tensor in weights.items()}
    caches, logits = [(i, layer, []) for i, layer in enumerate(layers(w))], []
    for t in range(tokens.shape[1]):
        x = embedded(w, tokens[:, t : t + 1])
        for i, layer, cache in caches:
            x = block(x, layer, lambda y, c=cache, n=layer, i=i, t=t: attention(y, n, i, c, t))
        logits.append(unembedded(x, w))
    return np.concatenate(logits, 1)
