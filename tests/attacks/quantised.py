"""Weights in int8, one scale for each tensor.

Scores: wrong_logits
"""

import numpy as np
from port import forward as right


def quantised(tensor):
    scale = abs(tensor).max() / 127
    return np.round(tensor / scale) * scale


def forward(weights, tokens):
    return right({name: quantised(tensor) for name, tensor in weights.items()}, tokens)
