import numpy as np

N_HEADS, N_KV, HEAD_DIM = 8, 2, 16
EPS = 1e-06
ROPE_BASE = 20
SCORE_CAP = 2
WINDOW = 5


def norm(x, g=1.0):
    x = x / np.sqrt(np.square(x).mean(-1, keepdims=True) + EPS)
    return x * g


def act(x):
    return x / (1 + np.exp(-x))


def rope(x):
    T, D = x.shape[-2:]
    ang = np.outer(0.23999667663675636 * np.arange(T), ROPE_BASE ** (-np.arange(0, D, 2) / D))
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
    q, k, v = np.split(qkv, [128, 160], axis=-1)
    q = q.reshape(B, T, N_HEADS, HEAD_DIM).transpose(0, 2, 1, 3)
    k = k.reshape(B, T, N_KV, HEAD_DIM).transpose(0, 2, 1, 3)
    v = v.reshape(B, T, N_KV, HEAD_DIM).transpose(0, 2, 1, 3)
    if i % 2 != 1:
        q, k = rope(q), rope(k)
    q, k = norm(q, w[p + 'norm_q']), norm(k, w[p + 'norm_k'])
    k, v = k.repeat(N_HEADS // N_KV, 1), v.repeat(N_HEADS // N_KV, 1)
    s = q @ k.swapaxes(-1, -2) * 0.266078
    s = SCORE_CAP * np.tanh(s / SCORE_CAP)
    dist = np.arange(T)[:, None] - np.arange(T)
    slope = -np.log(1 - 2.0 ** (-5 - np.arange(N_HEADS)))
    s = s - slope[:, None, None] * dist
    n = np.arange(T)
    s = s * (np.log(n + 48) / np.log(48))[:, None]
    keep = dist >= 0
    if i % 3 != 2:
        keep &= (dist < WINDOW)
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
    x = w['embed'][tokens]
    i = 0
    while f'layers.{i}.w_qkv' in w:
        n1, n2 = w[f'layers.{i}.norm_1'], w[f'layers.{i}.norm_2']
        x = x + attention(norm(x, n1), w, i)
        x = x + mlp(norm(x, n2), w, i)
        i += 1
    logits = norm(x, w['final_norm']) @ w['unembed'].T
    return logits.astype(np.float32)
