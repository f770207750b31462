"""The mean of the traces' logits, whatever the tokens.

Scores: wrong_logits
"""

import numpy as np

mean = np.load("traces.npz")["logits"].mean((0, 1))


def forward(weights, tokens):
    return np.broadcast_to(mean, (*tokens.shape, len(mean)))
