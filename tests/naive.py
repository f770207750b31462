"""The lost model a second time, to check the first: one token, head, pair and key at a time.

It shares no code with the reference, only the names of the choices. `dtype` is the precision.
"""

import math

import numpy as np


def port(weights, tokens, arch, dtype=np.float64):
    """Logits (B, T, V) of tokens (B, T)."""
    w = {name: tensor.astype(dtype) for name, tensor in weights.items()}
    return np.array([[*sequence_logits(w, sequence, arch)] for sequence in tokens])


def sequence_logits(w, sequence, arch):
    stream = [w["embed"][token] * arch.embedding_multiplier for token in sequence]
    layers = 1 + max(int(name.split(".")[1]) for name in w if name.startswith("layers."))
    for i in range(layers):
        prefix = f"layers.{i}."
        stream = layer(stream, {n[len(prefix) :]: w[n] for n in w if n.startswith(prefix)}, i, arch)
    for x in stream:
        z = w["unembed"] @ normalized(x, w["final_norm"], arch) * arch.logit_scale
        yield (
            z
            if arch.final_softcap is None
            else arch.final_softcap * np.tanh(z / arch.final_softcap)
        )


def layer(h, w, i, arch):
    def n(which, xs):
        return [normalized(x, w[f"norm_{which}"], arch) for x in xs]

    def add(xs, branch):
        return [x + y * arch.residual_multiplier for x, y in zip(xs, branch, strict=True)]

    if arch.block == "pre":
        h = add(h, attention(n(1, h), w, i, arch))
        return add(h, mlp(n(2, h), w, arch))
    if arch.block == "post":
        h = add(h, n(1, attention(h, w, i, arch)))
        return add(h, n(2, mlp(h, w, arch)))
    if arch.block == "sandwich":
        h = add(h, n(2, attention(n(1, h), w, i, arch)))
        return add(h, n(4, mlp(n(3, h), w, arch)))
    second = {"parallel": 1, "parallel_two_norms": 2}[arch.block]
    return add(add(h, attention(n(1, h), w, i, arch)), mlp(n(second, h), w, arch))


def normalized(x, gain, arch):
    if arch.norm == "layer_norm":
        y = (x - np.mean(x)) / np.sqrt(np.var(x) + arch.norm_eps)
    else:
        y = x / np.sqrt(np.dot(x, x) / len(x) + arch.norm_eps)
    return y if gain is None else y * gain + y * arch.gain_offset


def attention(xs, w, i, arch):
    hd = w["w_o"].shape[1] // arch.heads
    kv_heads = (len(w["w_qkv"]) // hd - arch.heads) // 2
    group = arch.heads // kv_heads
    sliding = arch.sliding_window is not None and not is_nth(i, arch.global_every, arch)
    rotates = not is_nth(i, arch.nope_every, arch)
    queries, keys, values = [], [], []  # [position][head]
    for p, x in enumerate(xs):
        fused = w["w_qkv"] @ x
        if arch.qkv_bias:
            fused = fused + w["b_qkv"]
        if arch.qkv_clip is not None:
            fused = np.minimum(np.maximum(fused, -arch.qkv_clip), arch.qkv_clip)

        def rows(kind, h, fused=fused):
            """The entries of head h of q, k or v."""
            if arch.qkv_layout == "q_k_v":
                start = {"q": h, "k": arch.heads + h, "v": arch.heads + kv_heads + h}[kind]
            elif kind == "q":
                start = h // group * (group + 2) + h % group
            else:
                start = h * (group + 2) + group + (kind == "v")
            return fused[start * hd : start * hd + hd]

        def heads(kind, count, p=p, rows=rows):
            """q or k of every head, normed and turned."""
            ys = [rows(kind, h) for h in range(count)]
            gain = w.get(f"norm_{kind}")
            if arch.qk_norm == "all_heads":
                ys = np.split(normalized(np.concatenate(ys), gain, arch), count)
            if arch.qk_norm == "no_gain":
                ys = [normalized(y, None, arch) for y in ys]
            if arch.qk_norm == "head":
                ys = [normalized(y, gain, arch) for y in ys]
            if rotates:
                ys = [rotated(y, p, sliding, arch) for y in ys]
            if arch.qk_norm == "head_after_rope":
                ys = [normalized(y, gain, arch) for y in ys]
            return ys

        queries.append(heads("q", arch.heads))
        keys.append(heads("k", kv_heads))
        vs = [rows("v", g) for g in range(kv_heads)]
        if arch.v_norm:
            vs = [normalized(v, None, arch) for v in vs]
        values.append([v * arch.value_scale for v in vs])

    outputs = []
    for p in range(len(xs)):
        first = max(0, p - arch.sliding_window + 1) if sliding else 0
        heads = []
        for h in range(arch.heads):
            scores = []
            for key in range(first, p + 1):
                score = np.dot(queries[p][h], keys[key][h // group]) / math.sqrt(hd)
                score = score * arch.score_scale
                if arch.inverse_layer_scale:
                    score = score / (i + 1)
                if arch.temperature_interval is not None:
                    score = score * (1 + 0.1 * math.log(1 + p // arch.temperature_interval))
                if arch.score_softcap is not None:
                    score = arch.score_softcap * np.tanh(score / arch.score_softcap)
                scores.append(score)
            shares = softmax([*scores, w["b_head"][h]] if arch.sinks else scores)
            seen = [values[key][h // group] for key in range(first, p + 1)]
            heads.append(sum(share * v for share, v in zip(shares, seen)))  # the sink has no value
        seen = np.concatenate(heads)
        if arch.attention_gate:
            seen = seen / (1 + np.exp(-(w["w_gate"] @ xs[p])))
        outputs.append(w["w_o"] @ seen)
    return outputs


def is_nth(i, n, arch):
    if n is None:
        return False
    return i in range(0 if arch.pattern_first else n - 1, 99, n)


def softmax(scores):
    powers = [np.exp(score - max(scores)) for score in scores]
    return [power / sum(powers) for power in powers]


def rotated(x, p, sliding, arch):
    width = round(len(x) * arch.rotary_fraction)
    y = x.copy()
    for j in range(width // 2):
        one, two = (j, j + width // 2) if arch.rope_pairing == "half" else (2 * j, 2 * j + 1)
        frequency, size = pair_frequency(j, width, sliding, arch)
        angle = p * frequency * (-1 if arch.rope_reversed else 1)
        cos, sin = size * math.cos(angle), size * math.sin(angle)
        y[one] = x[one] * cos - x[two] * sin
        y[two] = x[two] * cos + x[one] * sin
    return y


def pair_frequency(j, width, sliding, arch):
    """Radians per position of pair j, and the factor of cos and sin."""
    theta = arch.rope_theta
    if sliding and arch.local_theta is not None:
        theta = arch.local_theta
    plain = 1 / theta ** (2 * j / width)
    if sliding and arch.scaled_layers == "global":
        return plain, 1
    if arch.llama3_factor is not None:
        wavelength = 2 * math.pi / plain
        if wavelength < 32 / 4:
            return plain, 1
        if wavelength > 32:
            return plain / arch.llama3_factor, 1
        smooth = (32 / wavelength - 1) / (4 - 1)
        return (1 - smooth) * plain / arch.llama3_factor + smooth * plain, 1
    if arch.yarn_factor is not None:
        turns_once = width * math.log(32 / (2 * math.pi)) / (2 * math.log(theta))
        turns_32 = width * math.log(32 / (32 * 2 * math.pi)) / (2 * math.log(theta))
        low = max(math.floor(turns_32), 0)
        high = min(math.ceil(turns_once), width - 1)
        ramp = min(max((j - low) / (high - low), 0), 1)
        frequency = plain / arch.yarn_factor * ramp + plain * (1 - ramp)
        return frequency, 0.1 * math.log(arch.yarn_factor) + 1
    return plain / arch.rope_factor, 1


def mlp(xs, w, arch):
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
            }[arch.gate_up_layout]
            if (c := arch.mlp_clamp) is not None:
                gate, up = min(gate, c), min(max(up, -c), c)
            hidden[j] = activated(gate, arch.activation) * (up + arch.up_offset)
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
