import numpy as np

N_HEADS, N_KV, HEAD_DIM = 8, 4, 24
EPS = 3e-05
EMBED_SCALE = 5.074607
LOGIT_SCALE = 3.6


def norm(x, g=1.0):
    x = x - x.mean(-1, keepdims=True)
    x = x / np.sqrt(np.square(x).mean(-1, keepdims=True) + EPS)
    return x * g


def act(x):
    return x / (1 + np.exp(-x))


def gate_fn(x):
    return 1 / (1 + np.exp(-x))


def attention(h, w, i):
    B, T, _ = h.shape
    p = f'layers.{i}.'
    qkv = h @ w[p + 'w_qkv'].T + w[p + 'b_qkv']
    q, k, v = np.split(qkv, [192, 288], axis=-1)
    q = q.reshape(B, T, N_HEADS, HEAD_DIM).transpose(0, 2, 1, 3)
    k = k.reshape(B, T, N_KV, HEAD_DIM).transpose(0, 2, 1, 3)
    v = v.reshape(B, T, N_KV, HEAD_DIM).transpose(0, 2, 1, 3)
    k, v = k.repeat(N_HEADS // N_KV, 1), v.repeat(N_HEADS // N_KV, 1)
    s = q @ k.swapaxes(-1, -2) / np.sqrt(HEAD_DIM)
    dist = np.arange(T)[:, None] - np.arange(T)
    slope = -np.log(1 - 2.0 ** (-5 - np.arange(N_HEADS)))
    s = s - slope[:, None, None] * dist
    n = np.arange(T)
    s = s * (np.log(n + 32) / np.log(32))[:, None]
    keep = dist >= 0
    s = np.where(keep, s, -np.inf)
    sink = w[p + 'b_head'][None, :, None, None]
    top = np.maximum(s.max(-1, keepdims=True), sink)
    e = np.exp(s - top)
    att = e / (e.sum(-1, keepdims=True) + np.exp(sink - top))
    y = att @ v
    y = y.transpose(0, 2, 1, 3).reshape(B, T, -1)
    y = y * gate_fn(h @ w[p + 'w_gate'].T)
    return y @ w[p + 'w_o'].T


def mlp(h, w, i):
    z = h @ w[f'layers.{i}.w_in'].T
    u, g = np.split(z, 2, axis=-1)
    m = act(g) * u
    return m @ w[f'layers.{i}.w_out'].T * 0.953595


def forward(weights, tokens):
    w = {k: np.asarray(v, np.float64) for k, v in weights.items()}
    x = w['embed'][tokens] * EMBED_SCALE
    i = 0
    while f'layers.{i}.w_qkv' in w:
        n1, n2 = w[f'layers.{i}.norm_1'], w[f'layers.{i}.norm_2']
        x = x + attention(norm(x, n1), w, i)
        x = x + mlp(norm(x, n2), w, i)
        i += 1
    logits = norm(x, w['final_norm']) @ w['unembed'].T * LOGIT_SCALE
    return logits.astype(np.float32)
