"""Computed in float64, returned in float32."""

import numpy as np
from port import forward as right


def forward(weights, tokens):
    x = right(weights, tokens)
    return x.astype(np.float32)
