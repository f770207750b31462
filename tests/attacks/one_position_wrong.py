"""Wrong at the last of the 48 positions only.

Scores: wrong_logits
"""

import numpy as np
from port import forward as right


def forward(weights, tokens):
    x = right(weights, tokens)
    return x + 1e-2 * (np.arange(x.shape[1]) == 47)[:, None]
