"""Weights in float16.

Scores: wrong_logits
"""

import numpy as np
from port import forward as right


def forward(weights, tokens):
    return right({name: tensor.astype(np.float16) for name, tensor in weights.items()}, tokens)
