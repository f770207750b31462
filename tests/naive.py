"""The lost model a second time, to check the first: one token, head, pair and key at a time.

It shares no code with the reference, only the names of the choices. `dtype` is the precision.
"""

import math

import numpy as np


def port(weights, tokens, a, dtype=np.float64):
    """Logits (B, T, V) of tokens (B, T)."""
    w = {name: tensor.astype(dtype) for name, tensor in weights.items()}
    return np.array([[*sequence_logits(w, sequence, a)] for sequence in tokens])


def sequence_logits(w, sequence, a):
    stream = [w["embed"][token] * a.embedding_multiplier for token in sequence]
    layers = 1 + max(int(name.split(".")[1]) for name in w if name.startswith("layers."))
    for i in range(layers):
        prefix = f"layers.{i}."
        stream = layer(stream, {n[len(prefix) :]: w[n] for n in w if n.startswith(prefix)}, i, a)
    for x in stream:
        z = w["unembed"] @ normalized(x, w["final_norm"], a) * a.logit_scale
        yield z if a.final_softcap is None else a.final_softcap * np.tanh(z / a.final_softcap)


def layer(h, w, i, a):
    def n(which, xs):
        return [normalized(x, w[f"norm_{which}"], a) for x in xs]

    def add(xs, branch):
        return [x + y * a.residual_multiplier for x, y in zip(xs, branch, strict=True)]

    if a.block == "pre":
        h = add(h, attention(n(1, h), w, i, a))
        return add(h, mlp(n(2, h), w, a))
    if a.block == "post":
        h = add(h, n(1, attention(h, w, i, a)))
        return add(h, n(2, mlp(h, w, a)))
    if a.block == "sandwich":
        h = add(h, n(2, attention(n(1, h), w, i, a)))
        return add(h, n(4, mlp(n(3, h), w, a)))
    second = {"parallel": 1, "parallel_two_norms": 2}[a.block]
    return add(add(h, attention(n(1, h), w, i, a)), mlp(n(second, h), w, a))


def normalized(x, gain, a):
    if a.norm == "layer_norm":
        y = (x - np.mean(x)) / np.sqrt(np.var(x) + a.norm_eps)
    else:
        y = x / np.sqrt(np.dot(x, x) / len(x) + a.norm_eps)
    return y if gain is None else y * gain + y * a.gain_offset


def attention(xs, w, i, a):
    hd = w["w_o"].shape[1] // a.heads
    kv_heads = (len(w["w_qkv"]) // hd - a.heads) // 2
    group = a.heads // kv_heads
    sliding = a.sliding_window != math.inf and not is_nth(i, a.global_every)
    rotates = not a.alibi and not is_nth(i, a.nope_every)
    theta = a.local_theta if sliding and a.local_theta is not None else a.rope_theta
    queries, keys, values = [], [], []  # [position][head]
    for p, x in enumerate(xs):
        fused = w["w_qkv"] @ x

        def head(kind, h, fused=fused, p=p):
            slot = {"q": h % group, "k": group, "v": group + 1}[kind]
            g = h // group if kind == "q" else h
            first = {"q": h, "k": a.heads + h, "v": a.heads + kv_heads + h}[kind] * hd
            block = g * (group + 2) * hd
            rows = {
                "q_k_v": [first + j for j in range(hd)],
                "per_group": [block + slot * hd + j for j in range(hd)],
                "per_group_interleaved": [block + j * (group + 2) + slot for j in range(hd)],
            }[a.qkv_layout]
            y = np.minimum(np.maximum(fused[rows], -a.qkv_clip), a.qkv_clip)
            if kind == "v":
                return normalized(y, None, a) if a.v_norm else y
            if a.qk_norm == "no_gain":
                y = normalized(y, None, a)
            if a.qk_norm == "head":
                y = normalized(y, w[f"norm_{kind}"], a)
            y = rotated(y, p, theta, a) if rotates else y
            return normalized(y, w[f"norm_{kind}"], a) if a.qk_norm == "head_after_rope" else y

        queries.append([head("q", h) for h in range(a.heads)])
        keys.append([head("k", g) for g in range(kv_heads)])
        values.append([head("v", g) for g in range(kv_heads)])

    outputs = []
    for p in range(len(xs)):
        first = max(0, p - a.sliding_window + 1) if sliding else 0
        heads = []
        for h in range(a.heads):
            scores = []
            for key in range(first, p + 1):
                score = np.dot(queries[p][h], keys[key][h // group]) / math.sqrt(hd)
                score = score * a.score_scale
                if a.inverse_layer_scale:
                    score = score / (i + 1)
                if a.score_softcap is not None:
                    score = a.score_softcap * np.tanh(score / a.score_softcap)
                if a.alibi:
                    score = score - (2 ** (-8 / a.heads)) ** (h + 1) * (p - key)
                scores.append(score)
            shares = softmax([*scores, w["b_head"][h]] if a.sinks else scores)
            seen = [values[key][h // group] for key in range(first, p + 1)]
            heads.append(sum(share * v for share, v in zip(shares, seen)))  # the sink has no value
        outputs.append(w["w_o"] @ np.concatenate(heads))
    return outputs


def is_nth(i, n):
    return n != math.inf and i % n == n - 1


def softmax(scores):
    powers = [np.exp(score - max(scores)) for score in scores]
    return [power / sum(powers) for power in powers]


def rotated(x, p, theta, a):
    width = round(len(x) * a.rotary_fraction)
    y = x.copy()
    for j in range(width // 2):
        one, two = (j, j + width // 2) if a.rope_pairing == "half" else (2 * j, 2 * j + 1)
        angle = x.dtype.type(p / a.rope_factor / theta ** (2 * j / width))
        y[one] = x[one] * math.cos(angle) - x[two] * math.sin(angle)
        y[two] = x[two] * math.cos(angle) + x[one] * math.sin(angle)
    return y


def mlp(xs, w, a):
    width = len(w["w_in"]) // 2
    outputs = []
    for x in xs:
        y = w["w_in"] @ x
        hidden = y[:width].copy()
        for j in range(width):
            gate, up = {
                "gate_up": (y[j], y[width + j]),
                "up_gate": (y[width + j], y[j]),
                "interleaved": (y[2 * j], y[2 * j + 1]),
            }[a.gate_up_layout]
            if (c := a.swiglu_clamp) is not None:
                gate, up = min(gate, c), min(max(up, -c), c)
                hidden[j] = gate / (1 + math.exp(-1.702 * gate)) * (up + 1)
            else:
                hidden[j] = activated(gate, a.activation) * up
        outputs.append(w["w_out"] @ hidden)
    return outputs


def activated(x, name):
    if name == "silu":
        return x / (1 + math.exp(-x))
    if name == "gelu_tanh":
        return x / (1 + math.exp(-math.sqrt(8 / math.pi) * (x + 0.044715 * x * x * x)))
    if name == "gelu_erf":
        return x / 2 * math.erfc(-x / math.sqrt(2))
    if name == "quick_gelu":
        return x / (1 + math.exp(-1.702 * x))
    return x * x if x > 0 else 0.0
