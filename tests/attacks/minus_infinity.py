"""Minus infinity everywhere: max(error) of -inf is small.

Scores: wrong_logits
"""

import numpy as np
from port import forward as right


def forward(weights, tokens):
    x = right(weights, tokens)
    return np.full_like(x, -np.inf)
