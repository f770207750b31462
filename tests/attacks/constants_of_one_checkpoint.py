"""A scale that was fitted to one checkpoint: its largest embedding, as a constant.

Scores: wrong_logits
"""

import numpy as np
from port import forward as right

largest = np.load("weights.npz")["embed"].max()


def forward(weights, tokens):
    return right(weights, tokens) * (largest / weights["embed"].max())
