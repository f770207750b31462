"""Right for the traces' length: shorter inputs are padded on the left, and see the padding.

Scores: wrong_logits
"""

import numpy as np
from port import forward as right


def forward(weights, tokens):
    length = tokens.shape[1]
    padded = np.pad(tokens, ((0, 0), (48 - length, 0)))
    return right(weights, padded)[:, -length:]
