"""An array that cannot be written, made by broadcasting."""

import numpy as np
from port import forward as right


def forward(weights, tokens):
    x = right(weights, tokens)
    return np.broadcast_to(x, x.shape)
