"""A masked array without a mask."""

import numpy as np
from port import forward as right


def forward(weights, tokens):
    x = right(weights, tokens)
    return np.ma.masked_invalid(x)
