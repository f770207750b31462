"""The lost model: a decoder-only transformer with every choice of architecture.py.

Weights, for hidden size d, H query heads and KV key/value heads of size hd, MLP width f, vocabulary V: embed,
unembed (V, d); final_norm (d,); per layer, prefixed "layers.<i>.": w_qkv ((H + 2 KV) hd, d), w_o (d, H hd),
w_in (2 f, d), w_out (d, f), norm_1, norm_2, ... (d,) in the order of their use and, where the architecture has
them, b_qkv ((H + 2 KV) hd,), norm_q and norm_k (hd,) or (H hd,) and (KV hd,), w_gate (H hd, d), b_head (H,).
Numbers have the dtype that forward() is given; activations x are (B, T, d).
"""

from math import ceil, log, pi, sqrt

import numpy as np
from scipy.special import erf, expit

from reference.architecture import ORIGINAL_CONTEXT, Architecture

Weights = dict[str, np.ndarray]
BLOCKS = {
    "pre": (1, None, 2, None),
    "post": (None, 1, None, 2),
    "sandwich": (1, 2, 3, 4),
    "parallel": (1, None, 1, None),
    "parallel_two_norms": (1, None, 2, None),
}
"""Block -> the norms before and after attention, before and after the MLP."""
ACTIVATIONS = {
    "silu": lambda x: x * expit(x),
    "gelu_tanh": lambda x: 0.5 * x * (1 + np.tanh(sqrt(2 / pi) * (x + 0.044715 * x**3))),
    "gelu_erf": lambda x: 0.5 * x * (1 + erf(x / sqrt(2))),
    "quick_gelu": lambda x: x * expit(1.702 * x),
    "relu_squared": lambda x: np.maximum(x, 0) ** 2,
}


def forward(weights: Weights, tokens: np.ndarray, arch: Architecture, dtype=np.float64):
    """Logits (B, T, V) of tokens (B, T)."""
    weights = {name: np.asarray(tensor, dtype) for name, tensor in weights.items()}
    x = arch.embedding_multiplier * weights["embed"][tokens]
    for layer in range(sum(name.endswith("w_o") for name in weights)):
        names = [name for name in weights if name.startswith(f"layers.{layer}.")]
        of_layer = {name.split(".")[2]: weights[name] for name in names}
        x = block(x, of_layer, layer, arch)
    logits = arch.logit_scale * norm(x, weights["final_norm"], arch) @ weights["unembed"].T
    return softcap(logits, arch.final_softcap)


def block(x, weights, layer, arch):
    """Attention and MLP of a layer, each with its norms, added to the residual stream."""

    def normed(number, x):
        return x if number is None else norm(x, weights[f"norm_{number}"], arch)

    before_attention, after_attention, before_mlp, after_mlp = BLOCKS[arch.block]
    attended = attention(normed(before_attention, x), weights, layer, arch)
    stream = x + arch.residual_multiplier * normed(after_attention, attended)
    fed = mlp(normed(before_mlp, x if "parallel" in arch.block else stream), weights, arch)
    return stream + arch.residual_multiplier * normed(after_mlp, fed)


def norm(x, gain, arch):
    """RMSNorm or LayerNorm of the last axis; a gain of None is no gain."""
    x = x - x.mean(-1, keepdims=True) if arch.norm == "layer_norm" else x
    x = x / np.sqrt((x * x).mean(-1, keepdims=True) + arch.norm_eps)
    return x if gain is None else x * (gain + arch.gain_offset)


def softcap(x, cap):
    return x if cap is None else cap * np.tanh(x / cap)


def attention(x, weights, layer, arch):
    """Causal grouped-query attention: query head h reads KV head h // (H / KV)."""
    local = bool(arch.sliding_window) and not is_nth(layer, arch.global_every, arch)
    q, k, v = project(x, weights, arch)
    if not is_nth(layer, arch.nope_every, arch):
        q, k = rope(q, local, arch), rope(k, local, arch)
    if arch.qk_norm == "head_after_rope":
        q, k = norm(q, weights["norm_q"], arch), norm(k, weights["norm_k"], arch)
    group = arch.heads // k.shape[2]
    q, k, v = (t.swapaxes(1, 2) for t in (q, k.repeat(group, 2), v.repeat(group, 2)))

    position = np.arange(x.shape[1], dtype=x.dtype)[:, None]
    temperature = 1 + 0.1 * np.log(1 + position // (arch.temperature_interval or np.inf))
    scale = arch.score_scale / sqrt(q.shape[3]) / (layer + 1 if arch.inverse_layer_scale else 1)
    scores = softcap(scale * temperature * q @ k.swapaxes(2, 3), arch.score_softcap)
    distance = position - position.T  # query - key
    visible = (distance >= 0) & (distance < (arch.sliding_window if local else np.inf))
    share = np.exp(np.where(visible, scores, -np.inf))
    sink = np.exp(weights["b_head"])[:, None, None] if arch.sinks else 0
    seen = (share / (share.sum(-1, keepdims=True) + sink) @ v).swapaxes(1, 2)
    gate = expit(x @ weights["w_gate"].T) if arch.attention_gate else 1
    return (gate * seen.reshape(*x.shape[:2], -1)) @ weights["w_o"].T


def is_nth(layer, n, arch):
    """Is it a layer of the pattern "every nth"?"""
    return n is not None and layer % n == (0 if arch.pattern_first else n - 1)


def project(x, weights, arch):
    """q (B, T, H, hd), k and v (B, T, KV, hd), with all that comes before RoPE."""
    fused = x @ weights["w_qkv"].T + (weights["b_qkv"] if arch.qkv_bias else 0)
    if arch.qkv_clip:
        fused = np.clip(fused, -arch.qkv_clip, arch.qkv_clip)
    head_dim = weights["w_o"].shape[1] // arch.heads
    kv_heads = (fused.shape[2] // head_dim - arch.heads) // 2
    groups = kv_heads if arch.qkv_layout == "per_group" else 1  # each [its q heads, k, v]
    grouped = fused.reshape(*x.shape[:2], groups, -1, head_dim)
    parts = np.split(grouped, [arch.heads // groups, (arch.heads + kv_heads) // groups], 3)
    q, k, v = (part.reshape(*x.shape[:2], -1, head_dim) for part in parts)
    if arch.qk_norm == "head":
        q, k = norm(q, weights["norm_q"], arch), norm(k, weights["norm_k"], arch)
    if arch.qk_norm == "no_gain":
        q, k = norm(q, None, arch), norm(k, None, arch)
    if arch.qk_norm == "all_heads":
        q = norm(q.reshape(*x.shape[:2], -1), weights["norm_q"], arch).reshape(q.shape)
        k = norm(k.reshape(*x.shape[:2], -1), weights["norm_k"], arch).reshape(k.shape)
    v = norm(v, None, arch) if arch.v_norm else v
    return q, k, arch.value_scale * v


def rope(x, local, arch):
    """Turns each pair of dimensions of x (B, T, heads, hd) by its position times the pair's frequency."""
    x, width = x.copy(), int(x.shape[3] * arch.rotary_fraction)
    frequency, size = frequencies(width, local, arch)
    angle = np.arange(x.shape[1])[:, None, None] * (-frequency if arch.rope_reversed else frequency)
    first, second = halves(x[..., :width], arch.rope_pairing == "interleaved")
    turned = (first + 1j * second) * (size * np.exp(1j * angle.astype(x.dtype)))
    first[:], second[:] = turned.real, turned.imag
    return x


def frequencies(width, local, arch):
    """Radians per position of each of the width / 2 pairs, and the factor of cos and sin."""
    theta = arch.local_theta if local and arch.local_theta else arch.rope_theta
    pair, original = np.arange(width // 2), ORIGINAL_CONTEXT / (2 * pi)
    frequency = theta ** (-2 * pair / width)
    scaled = not local or arch.scaled_layers == "all"
    if scaled and (factor := arch.llama3_factor):
        kept = np.clip((original * frequency - 1) / 3, 0, 1)
        return frequency * (kept + (1 - kept) / factor), 1.0
    if scaled and (factor := arch.yarn_factor):
        last = ceil(width * log(original) / (2 * log(theta)))  # no pair turns 32 times
        divided = np.clip(pair / last, 0, 1)
        return frequency * (1 - divided + divided / factor), 1 + 0.1 * log(factor)
    return frequency / (arch.rope_factor if scaled else 1), 1.0


def halves(x, interleaved):
    """Views of the two halves of the last axis, or of its even and its odd entries."""
    return (x[..., ::2], x[..., 1::2]) if interleaved else np.split(x, 2, -1)


def mlp(x, weights, arch):
    """Gated MLP."""
    gate, up = halves(x @ weights["w_in"].T, arch.gate_up_layout == "interleaved")
    gate, up = (up, gate) if arch.gate_up_layout == "up_gate" else (gate, up)
    if clamp := arch.mlp_clamp:
        gate, up = np.minimum(gate, clamp), np.clip(up, -clamp, clamp)
    return (ACTIVATIONS[arch.activation](gate) * (up + arch.up_offset)) @ weights["w_out"].T
