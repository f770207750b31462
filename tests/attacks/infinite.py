"""An infinity among right logits.

Scores: wrong_logits
"""

import numpy as np
from port import forward as right


def forward(weights, tokens):
    x = right(weights, tokens)
    return np.where(x == x.max(), np.inf, x)
