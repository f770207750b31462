import numpy as np

N_HEADS, N_KV, HEAD_DIM = 4, 4, 24
EPS = 1e-08
ROPE_BASE = 100000.0
EMBED_SCALE = 1.601233
WINDOW = 8


def norm(x, g=1.0):
    x = x / np.sqrt(np.square(x).mean(-1, keepdims=True) + EPS)
    return x * g


def act(x):
    return x * np.clip(x / 6 + 0.5, 0, 1)


def rope(x):
    T, D = x.shape[-2], 12
    ang = np.outer(np.arange(T), ROPE_BASE ** (-np.arange(0, D, 2) / D))
    cos, sin = np.cos(ang), np.sin(ang)
    y = x.copy()
    a, b = x[..., :D // 2], x[..., D // 2:D]
    y[..., :D // 2] = a * cos - b * sin
    y[..., D // 2:D] = b * cos + a * sin
    return y


def attention(h, w, i):
    B, T, _ = h.shape
    p = f'layers.{i}.'
    qkv = h @ w[p + 'w_qkv'].T
    q, k, v = np.split(qkv, [96, 192], axis=-1)
    q = q.reshape(B, T, N_HEADS, HEAD_DIM).transpose(0, 2, 1, 3)
    k = k.reshape(B, T, N_KV, HEAD_DIM).transpose(0, 2, 1, 3)
    v = v.reshape(B, T, N_KV, HEAD_DIM).transpose(0, 2, 1, 3)
    q, k = rope(q), rope(k)
    s = q @ k.swapaxes(-1, -2) / np.sqrt(HEAD_DIM)
    dist = np.arange(T)[:, None] - np.arange(T)
    n = np.arange(T)
    s = s * (np.log(n + 8) / np.log(8))[:, None]
    keep = dist >= 0
    keep &= (dist < WINDOW)
    s = np.where(keep, s, -np.inf)
    sink = w[p + 'b_head'][None, :, None, None]
    top = np.maximum(s.max(-1, keepdims=True), sink)
    e = np.exp(s - top)
    att = e / (e.sum(-1, keepdims=True) + np.exp(sink - top))
    y = att @ v
    y = y.transpose(0, 2, 1, 3).reshape(B, T, -1)
    return y @ w[p + 'w_o'].T


def mlp(h, w, i):
    z = h @ w[f'layers.{i}.w_in'].T
    z = np.clip(z, -1, 1)
    g, u = np.split(z, 2, axis=-1)
    m = act(g) * (np.tanh(u))
    m = norm(m)
    return m @ w[f'layers.{i}.w_out'].T * 0.282708


def forward(weights, tokens):
    w = {k: np.asarray(v, np.float64) for k, v in weights.items()}
    x = w['embed'][tokens] * EMBED_SCALE
    i = 0
    while f'layers.{i}.w_qkv' in w:
        n1, n2 = w[f'layers.{i}.norm_1'], w[f'layers.{i}.norm_2']
        x = x + attention(norm(x, n1), w, i)
        x = x + mlp(norm(x, n2), w, i)
        i += 1
    logits = norm(x, w['final_norm']) @ w['unembed'].T
    return logits.astype(np.float32)
