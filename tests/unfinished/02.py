import numpy as np

N_HEADS, N_KV, HEAD_DIM = 8, 4, 24
EPS = 0.0001
ROPE_BASE = 100000.0
EMBED_SCALE = 0.991089
SCORE_CAP = 2
WINDOW = 20


def norm(x, g=1.0):
    x = x / np.sqrt(np.square(x).mean(-1, keepdims=True) + EPS)
    return x * g


def act(x):
    return np.sin(x)


def rope(x):
    T, D = x.shape[-2:]
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
    qkv = h @ w[p + 'w_qkv'].T + w[p + 'b_qkv']
    r = N_HEADS // N_KV
    qkv = qkv.reshape(B, T, N_KV, r + 2, HEAD_DIM)
    q = qkv[:, :, :, :r].reshape(B, T, N_HEADS, HEAD_DIM).transpose(0, 2, 1, 3)
    k = qkv[:, :, :, r].transpose(0, 2, 1, 3)
    v = qkv[:, :, :, r + 1].transpose(0, 2, 1, 3)
    q, k = norm(q), norm(k)
    q, k = rope(q), rope(k)
    k, v = k.repeat(N_HEADS // N_KV, 1), v.repeat(N_HEADS // N_KV, 1)
    s = q @ k.swapaxes(-1, -2) / np.sqrt(HEAD_DIM)
    s = SCORE_CAP * np.tanh(s / SCORE_CAP)
    dist = np.arange(T)[:, None] - np.arange(T)
    slope = -np.log(1 - 2.0 ** (-5 - np.arange(N_HEADS)))
    s = s - slope[:, None, None] * dist
    keep = dist >= 0
    if i % 2 == 0:
        keep &= (dist < WINDOW)
    s = np.where(keep, s, -np.inf)
    e = np.exp(s - s.max(-1, keepdims=True))
    att = e / e.sum(-1, keepdims=True)
    y = att @ v
    y = y.transpose(0, 2, 1, 3).reshape(B, T, -1)
    return y @ w[p + 'w_o'].T


def mlp(h, w, i):
    z = h @ w[f'layers.{i}.w_in'].T
    z = np.clip(z, -1, 1)
    g, u = np.split(z, 2, axis=-1)
    m = act(g) * (u / (1 + np.exp(-u)))
    m = norm(m)
    return m @ w[f'layers.{i}.w_out'].T * 0.295589


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
