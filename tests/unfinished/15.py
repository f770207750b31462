import numpy as np

HEAD_DIM = 24
EPS = 1e-05
INV_FREQ = np.array([0.1587201, 0.0018135, 9.33e-05])
WINDOW = 11
LOCAL_LAYERS = (1, 2)

def norm(x, w, eps=EPS):
    x = x - x.mean(-1, keepdims=True)
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + eps) * w


def act(x):
    return x / (1.0 + np.exp(-x))


def rope(x):
    inv = INV_FREQ
    ang = np.arange(x.shape[2])[:, None] * inv
    cos, sin = np.cos(ang), np.sin(ang)
    r, keep = x[..., :6], x[..., 6:]
    a, b = np.split(r, 2, -1)
    out = np.concatenate([a * cos - b * sin, a * sin + b * cos], -1)
    return np.concatenate([out, keep], -1)


def attention(p, h, i):
    B, T, _ = h.shape
    q_dim = p['w_o'].shape[1]
    kv_dim = (p['w_qkv'].shape[0] - q_dim) // 2
    n_q, n_kv = q_dim // HEAD_DIM, kv_dim // HEAD_DIM
    qkv = h @ p['w_qkv'].T + p['b_qkv']
    g = n_q // n_kv
    z = qkv.reshape(B, T, n_kv, g + 2, HEAD_DIM)
    q = z[..., :g, :].reshape(B, T, q_dim)
    k = z[..., g, :].reshape(B, T, kv_dim)
    v = z[..., g + 1, :].reshape(B, T, kv_dim)
    q = q.reshape(B, T, n_q, HEAD_DIM).transpose(0, 2, 1, 3)
    k = k.reshape(B, T, n_kv, HEAD_DIM).transpose(0, 2, 1, 3)
    v = v.reshape(B, T, n_kv, HEAD_DIM).transpose(0, 2, 1, 3)
    q, k = rope(q), rope(k)
    kv = np.arange(n_q) // (n_q // n_kv)
    k, v = k[:, kv], v[:, kv]
    s = q @ k.swapaxes(-1, -2) * HEAD_DIM ** -0.5
    pos = np.arange(T)
    dist = pos[:, None] - pos
    mask = dist >= 0
    if i in LOCAL_LAYERS:
        mask = mask & (dist < WINDOW)
    s = np.where(mask, s, -1e30)
    sink = p['b_head'][:, None, None]
    m = np.maximum(s.max(-1, keepdims=True), sink)
    e = np.exp(s - m)
    a = e / (e.sum(-1, keepdims=True) + np.exp(sink - m))
    o = a @ v
    o = o.transpose(0, 2, 1, 3).reshape(B, T, q_dim)
    return o @ p['w_o'].T


def mlp(p, h):
    z = h @ p['w_in'].T
    gate, up = z[..., ::2], z[..., 1::2]
    return (act(gate) * up) @ p['w_out'].T


def forward(weights, tokens):
    W = {k: np.asarray(v, np.float64) for k, v in weights.items()}
    x = W['embed'][np.asarray(tokens)] * 2.856568
    n_layers = sum(k.endswith('.w_qkv') for k in W)
    for i in range(n_layers):
        pre = 'layers.%d.' % i
        p = {k[len(pre):]: v for k, v in W.items() if k.startswith(pre)}
        x = x + attention(p, norm(x, p['norm_1']), i)
        x = x + mlp(p, norm(x, p['norm_2']))
    logits = norm(x, W['final_norm']) @ W['unembed'].T
    return logits.astype(np.float32)
