"""Reads the weights it was given to look at, not those of the call.

Scores: wrong_logits
"""

import numpy as np
from port import forward as right

kept = dict(np.load("weights.npz"))


def forward(weights, tokens):
    return right(kept, tokens)
