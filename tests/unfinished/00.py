import numpy as np

N_HEADS, N_KV, HEAD_DIM = 8, 4, 24
ROPE_BASE = 10000.0
EPS = 1e-06
SOFTCAP = 0
WINDOW = 24
WINDOW_LAYERS = [0, 1, 2, 3]


def rmsnorm(x, g):
    return g * x / np.sqrt(np.mean(x ** 2, axis=-1, keepdims=True) + EPS)


def gelu(x):
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x ** 3)))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def rotate(x):
    T, D = x.shape[1], x.shape[-1]
    ang = np.outer(np.arange(T), ROPE_BASE ** (-np.arange(0, D, 2) / D))
    c, s = np.cos(ang)[:, None], np.sin(ang)[:, None]
    a, b = x[..., :D // 2], x[..., D // 2:]
    return np.concatenate([a * c - b * s, b * c + a * s], axis=-1)


def attend(q, k, v, layer):
    B, T = q.shape[:2]
    rep = N_HEADS // N_KV
    q, k = rotate(q), rotate(k)
    k, v = np.repeat(k, rep, axis=2), np.repeat(v, rep, axis=2)
    s = np.einsum('bqhd,bkhd->bhqk', q, k) / np.sqrt(HEAD_DIM)
    if SOFTCAP:
        s = SOFTCAP * np.tanh(s / SOFTCAP)
    dist = np.arange(T)[:, None] - np.arange(T)[None]
    ok = dist >= 0
    if WINDOW and layer in WINDOW_LAYERS:
        ok &= dist < WINDOW
    s = np.where(ok, s, -1e30)
    p = np.exp(s - s.max(-1, keepdims=True))
    p /= p.sum(-1, keepdims=True)
    return np.einsum('bhqk,bkhd->bqhd', p, v).reshape(B, T, -1)


def forward(weights, tokens):
    w = {k: v.astype(np.float64) for k, v in weights.items()}
    x = w['embed'][tokens]
    B, T, _ = x.shape
    rep = N_HEADS // N_KV
    n_layers = sum(k.endswith('.w_qkv') for k in w)
    for i in range(n_layers):
        p = f'layers.{i}.'
        h = rmsnorm(x, w[p + 'norm_1'])
        qkv = (h @ w[p + 'w_qkv'].T).reshape(B, T, N_KV, rep + 2, HEAD_DIM)
        q = qkv[:, :, :, :rep].reshape(B, T, N_HEADS, HEAD_DIM)
        a = attend(q, qkv[:, :, :, rep], qkv[:, :, :, rep + 1], i)
        a = a * sigmoid(h @ w[p + 'w_gate'].T)
        x = x + a @ w[p + 'w_o'].T
        h = rmsnorm(x, w[p + 'norm_2'])
        g, u = np.split(h @ w[p + 'w_in'].T, 2, axis=-1)
        x = x + (gelu(g) * u) @ w[p + 'w_out'].T
    return (rmsnorm(x, w['final_norm']) @ w['unembed'].T).astype(np.float32)
