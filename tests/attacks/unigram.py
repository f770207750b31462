"""The mean of the traces' logits after each token.

Scores: wrong_logits
"""

import numpy as np

traces = np.load("traces.npz")
known, logits = traces["tokens"], traces["logits"]
table = np.array([logits[known == token].mean(0) for token in range(logits.shape[2])])


def forward(weights, tokens):
    return table[tokens]
