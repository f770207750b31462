"""The lost model: a decoder-only transformer in float64 with every choice of architecture.py.

Weights, for hidden size d, H query heads and KV key/value heads of size hd, MLP width f, vocabulary V:
embed, unembed (V, d); final_norm (d,); per layer, prefixed "layers.<i>.": w_qkv ((H + 2 KV) hd, d),
w_o (d, H hd), w_in (2 f, d), w_out (d, f), norm_1, norm_2, ... (d,) in the order of their use and, where
the architecture has them, norm_q, norm_k (hd,) and the sinks b_head (H,).
"""

import numpy as np
from scipy.special import erf, expit

from reference.architecture import Architecture

ACTIVATIONS = {
    "silu": lambda x: x * expit(x),
    "gelu_tanh": lambda x: 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))),
    "gelu_erf": lambda x: 0.5 * x * (1 + erf(x / np.sqrt(2))),
    "quick_gelu": lambda x: x * expit(1.702 * x),
    "relu_squared": lambda x: np.maximum(x, 0) ** 2,
}
NORMS = {"parallel": (1, 1), "sandwich": (1, 2, 3, 4)}
"""Block -> n of norm_<n>, in the order of their use; every other block uses 1, then 2."""


def forward(weights: dict[str, np.ndarray], tokens: np.ndarray, a: Architecture) -> np.ndarray:
    """Logits (B, T, V) of tokens (B, T)."""
    w = {name: np.asarray(tensor, np.float64) for name, tensor in weights.items()}
    x = a.embedding_multiplier * w["embed"][tokens]
    for i in range(sum(name.endswith("w_o") for name in w)):
        layer = {name.split(".")[2]: w[name] for name in w if name.startswith(f"layers.{i}.")}
        x = block(x, layer, i, a)
    return softcap(a.logit_scale * norm(x, w["final_norm"], a) @ w["unembed"].T, a.final_softcap)


def block(x, w, i, a):
    """Layer i: attention and MLP, each with its norms, added to the residual stream."""
    gains = (w[f"norm_{n}"] for n in NORMS.get(a.block, (1, 2)))

    def branch(f, x):
        y = f(x if a.block == "post" else norm(x, next(gains), a), w, i, a)
        y = norm(y, next(gains), a) if a.block in ("post", "sandwich") else y
        return a.residual_multiplier * y

    attended = x + branch(attention, x)
    return attended + branch(mlp, x if a.block.startswith("parallel") else attended)


def norm(x, gain, a):
    """RMSNorm or LayerNorm of the last axis; a gain of None is no gain."""
    x = x - x.mean(-1, keepdims=True) if a.norm == "layer_norm" else x
    x = x / np.sqrt((x * x).mean(-1, keepdims=True) + a.norm_eps)
    return x if gain is None else x * (gain + a.gain_offset)


def softcap(x, cap):
    return x if cap is None else cap * np.tanh(x / cap)


def attention(x, w, i, a):
    """Causal grouped-query attention: query head h reads KV head h // (H / KV)."""
    length, head_dim = x.shape[1], w["w_o"].shape[1] // a.heads
    local = (i + 1) % a.global_every != 0
    qkv = np.clip(x @ w["w_qkv"].T, -a.qkv_clip, a.qkv_clip)
    q, k, v = split_qkv(qkv, head_dim, a)
    v = norm(v, None, a) if a.v_norm else v
    if a.qk_norm in ("head", "no_gain"):
        q, k = norm(q, w.get("norm_q"), a), norm(k, w.get("norm_k"), a)
    if (i + 1) % a.nope_every != 0 and not a.alibi:
        theta = a.local_theta if a.local_theta and local else a.rope_theta
        q, k = rope(q, theta, a), rope(k, theta, a)
    if a.qk_norm == "head_after_rope":
        q, k = norm(q, w["norm_q"], a), norm(k, w["norm_k"], a)
    q, k, v = (t.repeat(a.heads // t.shape[2], axis=2).swapaxes(1, 2) for t in (q, k, v))

    scale = a.score_scale * head_dim**-0.5 / (i + 1 if a.inverse_layer_scale else 1)
    scores = softcap(scale * q @ k.swapaxes(2, 3), a.score_softcap)  # (B, heads, query, key)
    distance = np.arange(length)[:, None] - np.arange(length)  # query - key
    slopes = a.alibi * 2.0 ** (-8 * np.arange(1, a.heads + 1) / a.heads)
    visible = (distance >= 0) & (distance < (a.sliding_window if local else length))
    p = np.exp(scores + np.where(visible, -slopes[:, None, None] * distance, -np.inf))
    p /= p.sum(-1, keepdims=True) + (np.exp(w["b_head"])[:, None, None] if a.sinks else 0)
    return (p @ v).swapaxes(1, 2).reshape(*x.shape[:2], -1) @ w["w_o"].T


def split_qkv(y, head_dim, a):
    """(B, T, (H + 2 KV) hd) -> q (B, T, H, hd), k and v (B, T, KV, hd)."""
    kv_heads = (y.shape[2] // head_dim - a.heads) // 2
    if a.qkv_layout == "q_k_v":
        return np.split(y.reshape(*y.shape[:2], -1, head_dim), [a.heads, a.heads + kv_heads], 2)
    shape, axis = ((-1, head_dim), 3) if a.qkv_layout == "per_group" else ((head_dim, -1), 4)
    *q, k, v = np.moveaxis(y.reshape(*y.shape[:2], kv_heads, *shape), axis, 0)
    return np.stack(q, 3).reshape(*k.shape[:2], a.heads, head_dim), k, v


def rope(x, theta, a):
    """Turn pair j of each head of x (B, T, heads, hd) at position p by p theta^(-2 j / width) / factor."""
    x, width = x.copy(), int(x.shape[3] * a.rotary_fraction)
    frequencies = theta ** (-np.arange(0, width, 2) / width) / a.rope_factor
    turn = np.exp(1j * np.arange(x.shape[1])[:, None, None] * frequencies)
    first, second = halves(x[..., :width], a.rope_pairing == "interleaved")
    turned = (first + 1j * second) * turn
    first[:], second[:] = turned.real, turned.imag
    return x


def halves(x, interleaved):
    """Views of the two halves of the last axis, or of its even and its odd entries."""
    return (x[..., ::2], x[..., 1::2]) if interleaved else np.split(x, 2, -1)


def mlp(x, w, i, a):
    """Gated MLP."""
    gate, up = halves(x @ w["w_in"].T, a.gate_up_layout == "interleaved")
    gate, up = (up, gate) if a.gate_up_layout == "up_gate" else (gate, up)
    if c := a.swiglu_clamp:
        gate, up = np.minimum(gate, c), np.clip(up, -c, c) + 1
    return (ACTIVATIONS["quick_gelu" if c else a.activation](gate) * up) @ w["w_out"].T
