"""The log-softmax: every comparison of probabilities or of ranks finds it right.

Scores: wrong_logits
"""

import numpy as np
from port import forward as right


def forward(weights, tokens):
    x = right(weights, tokens)
    return x - np.log(np.exp(x).sum(-1, keepdims=True))
