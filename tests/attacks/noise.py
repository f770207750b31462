"""The right logits with noise of the size of the tolerance.

Scores: wrong_logits
"""

import numpy as np
from port import forward as right


def forward(weights, tokens):
    x = right(weights, tokens)
    return x + np.random.default_rng(0).normal(0, 5e-4, x.shape)
