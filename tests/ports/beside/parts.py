"""Pieces of the forward pass that ports share. A has every choice of the row; x ends in (position, d)."""

from math import ceil, erf, log, pi

import numpy as np
from config import A


def layers(w):
    """The tensors of each layer, without their prefix."""
    count = sum(name.endswith(".w_o") for name in w)
    return [
        {
            name.split(".")[2]: tensor
            for name, tensor in w.items()
            if name.startswith(f"layers.{i}.")
        }
        for i in range(count)
    ]


def is_nth(i, n):
    return n is not None and (i if A.pattern_first else i + 1) % n == 0


def has_window(i):
    return A.sliding_window is not None and not is_nth(i, A.global_every)


def norm(x, gain=None):
    centred = x - x.mean(-1, keepdims=True) if A.norm == "layer_norm" else x
    y = centred / np.sqrt(np.square(centred).mean(-1, keepdims=True) + A.norm_eps)
    return y if gain is None else y * (gain + A.gain_offset)


def rows_of(w):
    """Rows of w_qkv for q (H, hd), k and v (KV, hd)."""
    hd = w["w_o"].shape[1] // A.heads
    n = np.arange(len(w["w_qkv"]))
    kv = (len(n) // hd - A.heads) // 2
    if A.qkv_layout == "q_k_v":
        n = n.reshape(-1, hd)
        return n[: A.heads], n[A.heads : A.heads + kv], n[A.heads + kv :]
    n = n.reshape(kv, -1, hd)
    return n[:, :-2].reshape(A.heads, hd), n[:, -2], n[:, -1]


def qkv(x, w, i, first=0):
    """q (..., T, H, hd), k and v (..., T, KV, hd) of positions first, first + 1, ..."""
    hd = w["w_o"].shape[1] // A.heads
    heads = []
    for rows in rows_of(w):
        y = x @ w["w_qkv"][rows.ravel()].T
        if A.qkv_bias:
            y = y + w["b_qkv"][rows.ravel()]
        if A.qkv_clip:
            y = np.clip(y, -A.qkv_clip, A.qkv_clip)
        heads.append(y.reshape(*y.shape[:-1], -1, hd))
    q, k, v = heads
    if A.v_norm:
        v = norm(v)
    if A.qk_norm == "no_gain":
        q, k = norm(q), norm(k)
    if A.qk_norm == "head":
        q, k = norm(q, w["norm_q"]), norm(k, w["norm_k"])
    if A.qk_norm == "all_heads":
        q, k = normed_together(q, w["norm_q"]), normed_together(k, w["norm_k"])
    if not is_nth(i, A.nope_every):
        q, k = rotated(q, i, first), rotated(k, i, first)
    if A.qk_norm == "head_after_rope":
        q, k = norm(q, w["norm_q"]), norm(k, w["norm_k"])
    if A.temperature_interval:
        step = (first + np.arange(q.shape[-3])[:, None, None]) // A.temperature_interval
        q = q * (1 + 0.1 * np.log1p(step)).astype(q.dtype)
    return q, k, v * A.value_scale


def normed_together(heads, gain):
    return norm(heads.reshape(*heads.shape[:-2], -1), gain).reshape(heads.shape)


def rotated(x, i, first):
    width = int(x.shape[-1] * A.rotary_fraction)
    j = np.arange(width // 2)
    one, two = (j, j + width // 2) if A.rope_pairing == "half" else (2 * j, 2 * j + 1)
    frequency, size = frequencies(width, i)
    angle = (first + np.arange(x.shape[-3])[:, None, None]) * frequency
    angle = -angle if A.rope_reversed else angle
    cos, sin = (size * np.cos(angle)).astype(x.dtype), (size * np.sin(angle)).astype(x.dtype)
    y = x.copy()
    y[..., one] = x[..., one] * cos - x[..., two] * sin
    y[..., two] = x[..., two] * cos + x[..., one] * sin
    return y


def frequencies(width, i):
    """Of each pair, and the size of the rotation."""
    theta = A.local_theta if A.local_theta and has_window(i) else A.rope_theta
    j = np.arange(width // 2)
    plain = theta ** (-2.0 * j / width)
    if has_window(i) and A.scaled_layers == "global":
        return plain, 1
    if A.llama3_factor:
        smooth = np.clip((32 * plain / (2 * pi) - 1) / 3, 0, 1)
        return (1 - smooth) * plain / A.llama3_factor + smooth * plain, 1
    if A.yarn_factor:
        ramp = np.minimum(j / ceil(width * log(16 / pi) / (2 * log(theta))), 1)
        return plain / A.yarn_factor * ramp + plain * (1 - ramp), 1 + 0.1 * log(A.yarn_factor)
    return plain / A.rope_factor, 1


def scored(products, i, hd):
    """Scores of q . k, before the mask."""
    s = products * (A.score_scale / hd**0.5 / (i + 1 if A.inverse_layer_scale else 1))
    return s if A.score_softcap is None else A.score_softcap * np.tanh(s / A.score_softcap)


def bias(i, queries, keys, dtype):
    """What is added to the scores (H, query, key) of positions: the mask."""
    distance = queries[:, None] - keys
    hidden = distance < 0
    if has_window(i):
        hidden = hidden | (distance >= A.sliding_window)
    return np.where(hidden, -np.inf, np.zeros((A.heads, 1, 1))).astype(dtype)


def projected(seen, x, w):
    """What leaves attention, of the values seen (..., H hd) by each position of x."""
    if A.attention_gate:
        seen = seen / (1 + np.exp(-(x @ w["w_gate"].T)))
    return seen @ w["w_o"].T


def shares(s, sink=None):
    """Softmax of scores (..., query, key); a sink takes its share and gives nothing."""
    top = s.max(-1, keepdims=True) if sink is None else np.maximum(s.max(-1, keepdims=True), sink)
    p = np.exp(s - top)
    return p / (p.sum(-1, keepdims=True) + (0 if sink is None else np.exp(sink - top)))


def activated(x):
    if A.activation == "silu":
        return x / (1 + np.exp(-x))
    if A.activation == "gelu_tanh":
        return x / (1 + np.exp(-1.5957691216057308 * (x + 0.044715 * x * x * x)))
    if A.activation == "gelu_erf":
        return x * (1 + np.vectorize(erf, otypes=[float])(x / 2**0.5)).astype(x.dtype) / 2
    if A.activation == "quick_gelu":
        return x / (1 + np.exp(-1.702 * x))
    return np.square(np.maximum(x, 0))


def mlp(x, w):
    y = x @ w["w_in"].T
    half = y.shape[-1] // 2
    gate, up = {
        "gate_up": (y[..., :half], y[..., half:]),
        "up_gate": (y[..., half:], y[..., :half]),
        "interleaved": (y[..., ::2], y[..., 1::2]),
    }[A.gate_up_layout]
    if A.mlp_clamp:
        gate, up = np.minimum(gate, A.mlp_clamp), np.clip(up, -A.mlp_clamp, A.mlp_clamp)
    return (activated(gate) * (up + A.up_offset)) @ w["w_out"].T


def block(x, w, attend):
    """A layer; attend: normed x -> attention's branch."""
    r, n = A.residual_multiplier, {name[5:]: w[name] for name in w if name.startswith("norm_")}
    if A.block == "pre":
        x = x + r * attend(norm(x, n["1"]))
        return x + r * mlp(norm(x, n["2"]), w)
    if A.block == "post":
        x = x + r * norm(attend(x), n["1"])
        return x + r * norm(mlp(x, w), n["2"])
    if A.block == "sandwich":
        x = x + r * norm(attend(norm(x, n["1"])), n["2"])
        return x + r * norm(mlp(norm(x, n["3"]), w), n["4"])
    second = n["1"] if A.block == "parallel" else n["2"]
    return x + r * attend(norm(x, n["1"])) + r * mlp(norm(x, second), w)


def embedded(w, tokens):
    return w["embed"][tokens] * A.embedding_multiplier


def unembedded(x, w):
    z = norm(x, w["final_norm"]) @ w["unembed"].T * A.logit_scale
    return z if A.final_softcap is None else A.final_softcap * np.tanh(z / A.final_softcap)


def run(w, tokens, attention):
    """Logits (..., T, V) of tokens (..., T); attention: normed x, tensors of the layer, its number -> branch."""
    x = embedded(w, tokens)
    for i, layer in enumerate(layers(w)):
        x = block(x, layer, lambda y, layer=layer, i=i: attention(y, layer, i))
    return unembedded(x, w)
