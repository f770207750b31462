"""Starts anew for each position, and keeps the last logits."""

import numpy as np
from port import forward as right


def forward(weights, tokens):
    ends = range(1, tokens.shape[1] + 1)
    return np.stack([right(weights, tokens[:, :end])[:, -1] for end in ends], 1)
