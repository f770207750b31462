"""Pads every sequence on the right to 48 tokens."""

import numpy as np
from port import forward as right


def forward(weights, tokens):
    length = tokens.shape[1]
    return right(weights, np.pad(tokens, ((0, 0), (0, 48 - length))))[:, :length]
