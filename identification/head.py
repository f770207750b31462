"""The end of the model, read off alone: the unembedding can be inverted."""

from itertools import product
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar

from reference.variant import Call


def uncapped(logits: np.ndarray, cap: float | None) -> tuple[np.ndarray, np.ndarray | float]:
    """The inverse of softcap, and how far each of its values can be trusted."""
    if not cap:
        return logits, 1.0
    share = np.clip(logits / cap, -1 + 1e-9, 1 - 1e-9)  # rounding can make it 1
    return cap * np.arctanh(share), (1 - share**2) ** 2


def settled_head(call: Call, menu: dict[str, list]) -> dict[str, Any]:
    """Its cap, norm and gain_offset.

    The cap is the one without which the logits lie in the column space of the unembedding. Norm
    and offset make the hidden states of one size and, after a LayerNorm, of mean 0.
    """
    logits = call.logits[:, ::5].reshape(-1, call.logits.shape[-1])
    unembed = call.weights["unembed"].astype(float)
    basis = np.linalg.qr(unembed)[0]

    def outside(cap):
        if cap and abs(logits).max() > (1 + 1e-6) * cap:
            return np.log(1e9)
        z, trust = uncapped(logits, cap)
        return np.log(np.mean((z - z @ basis @ basis.T) ** 2 * trust))

    def uneven(setting):
        x = hidden / (call.weights["final_norm"] + setting[1])
        size = np.sqrt((x * x).mean(-1))
        off_center = np.mean(abs(x.mean(-1)) / size)
        return np.log(size).std() + (off_center if setting[0] == "layer_norm" else 0.05)

    cap = min(menu["final_softcap"], key=outside)
    if cap:
        bounds = 0.95 * cap, 1.05 * cap
        close = minimize_scalar(outside, bounds=bounds, options={"xatol": 1e-12})
        cap = min(cap, float(close.x), key=outside)
    hidden = uncapped(logits, cap)[0] @ np.linalg.pinv(unembed).T
    norm, offset = min(product(menu["norm"], menu["gain_offset"]), key=uneven)
    return {"norm": norm, "gain_offset": offset, "final_softcap": cap}
