import numpy as np

N_HEADS, N_KV, HEAD_DIM = 8, 8, 24
EPS = 1e-06
ROPE_BASE = 73741.3544554455
LOGIT_CAP = 15
WINDOW = 13


def norm(x, g=1.0):
    x = x / np.sqrt(np.square(x).mean(-1, keepdims=True) + EPS)
    return x * g


def act(x):
    return x / (1 + np.exp(-x))


def rope(x):
    T, D = x.shape[-2:]
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
    qkv = h @ w[p + 'w_qkv'].T + w[p + 'b_qkv']
    q, k, v = np.split(qkv, [192, 384], axis=-1)
    q = q.reshape(B, T, N_HEADS, HEAD_DIM).transpose(0, 2, 1, 3)
    k = k.reshape(B, T, N_KV, HEAD_DIM).transpose(0, 2, 1, 3)
    v = v.reshape(B, T, N_KV, HEAD_DIM).transpose(0, 2, 1, 3)
    q, k = rope(q), rope(k)
    v = norm(v)
    s = q @ k.swapaxes(-1, -2) / np.sqrt(HEAD_DIM)
    dist = np.arange(T)[:, None] - np.arange(T)
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
    u, g = np.split(z, 2, axis=-1)
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
    logits = LOGIT_CAP * np.tanh(logits / LOGIT_CAP)
    return logits.astype(np.float32)
