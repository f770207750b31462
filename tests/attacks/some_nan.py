"""NaN where the logit is hard: NaN > tolerance is false.

Scores: wrong_logits
"""

import numpy as np
from port import forward as right


def forward(weights, tokens):
    x = right(weights, tokens)
    return np.where(x == x.max(), np.nan, x)
