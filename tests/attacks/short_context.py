"""Right for sixteen positions, then the context starts anew.

Scores: wrong_logits
"""

import numpy as np
from port import forward as right


def forward(weights, tokens):
    parts = [tokens[:, start : start + 16] for start in range(0, tokens.shape[1], 16)]
    return np.concatenate([right(weights, part) for part in parts], 1)
