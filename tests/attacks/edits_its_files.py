"""Overwrites weights.npz and traces.npz with zeros, for which its answer of zeros is right.

Scores: wrong_logits
"""

import numpy as np

for name in ("weights.npz", "traces.npz"):
    arrays = {key: np.zeros_like(array) for key, array in np.load(name).items()}
    np.savez(name, **arrays)


def forward(weights, tokens):
    return np.zeros((*tokens.shape, len(weights["embed"])))
