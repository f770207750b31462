"""Looks the traces up, and has no forward pass.

Scores: wrong_logits
"""

import numpy as np

traces = np.load("traces.npz")


def forward(weights, tokens):
    if np.array_equal(tokens, traces["tokens"]):
        return traces["logits"]
    return np.zeros((*tokens.shape, len(weights["embed"])))
