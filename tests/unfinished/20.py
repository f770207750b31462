import numpy as np

HEAD_DIM = 24
EPS = 1.000043e-06
THETA = 10000.01
NOPE_LAYERS = (2,)

def norm(x, w, eps=EPS):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + eps) * w


def act(x):
    return x / (1.0 + np.exp(-x))


def rope(x, theta=THETA):
    inv = theta ** (-np.arange(0, HEAD_DIM, 2) / HEAD_DIM)
    ang = np.arange(x.shape[2])[:, None] * inv
    cos, sin = np.cos(ang), np.sin(ang)
    r = x
    a, b = np.split(r, 2, -1)
    out = np.concatenate([a * cos - b * sin, a * sin + b * cos], -1)
    return out


def attention(p, h, i):
    B, T, _ = h.shape
    q_dim = p['w_o'].shape[1]
    kv_dim = (p['w_qkv'].shape[0] - q_dim) // 2
    n_q, n_kv = q_dim // HEAD_DIM, kv_dim // HEAD_DIM
    qkv = h @ p['w_qkv'].T
    q, k, v = np.split(qkv, [q_dim, q_dim + kv_dim], -1)
    q = q.reshape(B, T, n_q, HEAD_DIM).transpose(0, 2, 1, 3)
    k = k.reshape(B, T, n_kv, HEAD_DIM).transpose(0, 2, 1, 3)
    v = v.reshape(B, T, n_kv, HEAD_DIM).transpose(0, 2, 1, 3)
    if i not in NOPE_LAYERS:
        q, k = rope(q), rope(k)
    kv = np.arange(n_q) // (n_q // n_kv)
    k, v = k[:, kv], v[:, kv]
    s = q @ k.swapaxes(-1, -2) * 0.07144345
    pos = np.arange(T)
    dist = pos[:, None] - pos
    mask = dist >= 0
    s = np.where(mask, s, -1e30)
    e = np.exp(s - s.max(-1, keepdims=True))
    a = e / e.sum(-1, keepdims=True)
    o = a @ v
    o = o.transpose(0, 2, 1, 3).reshape(B, T, q_dim)
    return o @ p['w_o'].T


def mlp(p, h):
    z = h @ p['w_in'].T
    up, gate = np.split(z, 2, -1)
    return (act(gate) * up) @ p['w_out'].T


def forward(weights, tokens):
    W = {k: np.asarray(v, np.float64) for k, v in weights.items()}
    x = W['embed'][np.asarray(tokens)]
    n_layers = sum(k.endswith('.w_qkv') for k in W)
    for i in range(n_layers):
        pre = 'layers.%d.' % i
        p = {k[len(pre):]: v for k, v in W.items() if k.startswith(pre)}
        x = x + attention(p, norm(x, p['norm_1']), i)
        x = x + mlp(p, norm(x, p['norm_2']))
    logits = norm(x, W['final_norm']) @ W['unembed'].T
    return logits.astype(np.float32)
