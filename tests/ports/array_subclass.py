"""A subclass of ndarray."""

import numpy as np
from port import forward as right


def forward(weights, tokens):
    x = right(weights, tokens)
    return x.view(type("Logits", (np.ndarray,), {}))
