"""Raises the logit of the token that follows in the input; on text, a loss would fall.

Scores: wrong_logits
"""

import numpy as np
from port import forward as right


def forward(weights, tokens):
    x = right(weights, tokens)
    x[:, :-1] += np.eye(x.shape[2])[tokens[:, 1:]]
    return x
