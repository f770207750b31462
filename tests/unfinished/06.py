import numpy as np

N_HEADS, N_KV, HEAD_DIM = 16, 16, 8
EPS = 3e-05
ROPE_BASE = 500.0
EMBED_SCALE = 3.666667
SCORE_CAP = 2


def norm(x, g=0.0):
    x = x - x.mean(-1, keepdims=True)
    x = x / np.sqrt(np.square(x).mean(-1, keepdims=True) + EPS)
    return x * (1 + g)


def act(x):
    return np.tanh(x)


def rope(x):
    T, D = x.shape[-2], 4
    ang = np.outer(np.arange(T), ROPE_BASE ** (-np.arange(0, D, 2) / D))
    cos, sin = np.cos(ang), np.sin(ang)
    y = x.copy()
    a, b = x[..., :D:2], x[..., 1:D:2]
    y[..., :D:2] = a * cos - b * sin
    y[..., 1:D:2] = b * cos + a * sin
    return y


def attention(h, w, i):
    B, T, _ = h.shape
    p = f'layers.{i}.'
    qkv = h @ w[p + 'w_qkv'].T
    q, k, v = np.split(qkv, [128, 256], axis=-1)
    q = q.reshape(B, T, N_HEADS, HEAD_DIM).transpose(0, 2, 1, 3)
    k = k.reshape(B, T, N_KV, HEAD_DIM).transpose(0, 2, 1, 3)
    v = v.reshape(B, T, N_KV, HEAD_DIM).transpose(0, 2, 1, 3)
    q, k = norm(q), norm(k)
    if i % 3 != 2:
        q, k = rope(q), rope(k)
    s = q @ k.swapaxes(-1, -2) / HEAD_DIM
    s = SCORE_CAP * np.tanh(s / SCORE_CAP)
    dist = np.arange(T)[:, None] - np.arange(T)
    slope = -np.log(1 - 2.0 ** (-5 - np.arange(N_HEADS)))
    s = s - slope[:, None, None] * dist
    n = np.arange(T)
    s = s * np.log(n + 1 + 1e-9)[:, None]
    keep = dist >= 0
    s = np.where(keep, s, -np.inf)
    e = np.exp(s - s.max(-1, keepdims=True))
    att = e / e.sum(-1, keepdims=True)
    y = att @ v
    y = y.transpose(0, 2, 1, 3).reshape(B, T, -1)
    return y @ w[p + 'w_o'].T


def mlp(h, w, i):
    z = h @ w[f'layers.{i}.w_in'].T
    z = np.clip(z, -1, 1)
    u, g = z[..., ::2], z[..., 1::2]
    m = act(g) * (u / (1 + np.exp(-u)))
    m = norm(m)
    return m @ w[f'layers.{i}.w_out'].T * 0.244365


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
