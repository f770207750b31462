"""A plain port of Llama: RMSNorm before each branch, RoPE, grouped-query attention, SwiGLU."""

import numpy as np

EPS, THETA = 1e-6, 1e4


def norm(x, gain):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + EPS) * gain


def rope(x):
    """x is (B, T, heads, head size)."""
    half = x.shape[3] // 2
    angle = np.arange(x.shape[1])[:, None, None] * THETA ** (-np.arange(half) / half)
    a, b = x[..., :half], x[..., half:]
    cos, sin = np.cos(angle), np.sin(angle)
    return np.concatenate([a * cos - b * sin, a * sin + b * cos], -1)


def head_size(rows, width):
    """The first usual size that fits the fused projection."""
    for size in (16, 24, 32, 12, 8, 4, 2):
        heads, kv_heads = width / size, (rows - width) / 2 / size
        if kv_heads.is_integer() and heads % kv_heads == 0:
            return size
    raise ValueError("no head size fits")


def forward(weights, tokens):
    w = {name: np.asarray(tensor, np.float64) for name, tensor in weights.items()}
    x = w["embed"][tokens]
    batch, length = tokens.shape
    mask = np.where(np.tri(length, dtype=bool), 0, -np.inf)
    for i in range(sum(name.endswith(".w_o") for name in w)):
        layer = {name.split(".")[2]: w[name] for name in w if name.startswith(f"layers.{i}.")}
        width, rows = layer["w_o"].shape[1], layer["w_qkv"].shape[0]
        size = head_size(rows, width)
        y = norm(x, layer["norm_1"]) @ layer["w_qkv"].T
        q, k, v = np.split(
            y.reshape(batch, length, -1, size), [width // size, (rows + width) // 2 // size], 2
        )
        q, k = rope(q), rope(k)
        k, v = (t.repeat(q.shape[2] // t.shape[2], axis=2) for t in (k, v))
        scores = np.einsum("bqhd,bkhd->bhqk", q, k) / np.sqrt(size) + mask
        p = np.exp(scores - scores.max(-1, keepdims=True))
        p /= p.sum(-1, keepdims=True)
        x = x + np.einsum("bhqk,bkhd->bqhd", p, v).reshape(batch, length, width) @ layer["w_o"].T
        y = norm(x, layer.get("norm_2", layer["norm_1"])) @ layer["w_in"].T
        gate, up = np.split(y, 2, -1)
        x = x + (gate / (1 + np.exp(-gate)) * up) @ layer["w_out"].T
    return norm(x, w["final_norm"]) @ w["unembed"].T
