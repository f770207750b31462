import numpy as np

N_HEADS, N_KV, HEAD_DIM = 8, 8, 16
EPS = 1e-06
ROPE_BASE = 705327.6756247054
EMBED_SCALE = 1.7


def norm(x, g=1.0):
    x = x - x.mean(-1, keepdims=True)
    x = x / np.sqrt(np.square(x).mean(-1, keepdims=True) + EPS)
    return x * g


def act(x):
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x ** 3)))


def rope(x):
    T, D = x.shape[-2], 4
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
    q, k, v = np.split(qkv, [128, 256], axis=-1)
    q = q.reshape(B, T, N_HEADS, HEAD_DIM).transpose(0, 2, 1, 3)
    k = k.reshape(B, T, N_KV, HEAD_DIM).transpose(0, 2, 1, 3)
    v = v.reshape(B, T, N_KV, HEAD_DIM).transpose(0, 2, 1, 3)
    q, k = rope(q), rope(k)
    s = q @ k.swapaxes(-1, -2) / np.sqrt(HEAD_DIM)
    dist = np.arange(T)[:, None] - np.arange(T)
    keep = dist >= 0
    s = np.where(keep, s, -np.inf)
    e = np.exp(s - s.max(-1, keepdims=True))
    att = e / e.sum(-1, keepdims=True)
    y = att @ v
    y = y.transpose(0, 2, 1, 3).reshape(B, T, -1)
    return y @ w[p + 'w_o'].T


def mlp(h, w, i):
    z = h @ w[f'layers.{i}.w_in'].T
    g, u = np.split(z, 2, axis=-1)
    m = act(g) * u
    return m @ w[f'layers.{i}.w_out'].T


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
