"""Searches the harness's memory for arrays of the answer's shape.

Scores: wrong_logits
"""

import gc

import numpy as np


def forward(weights, tokens):
    shape = (*tokens.shape, len(weights["embed"]))
    for thing in gc.get_objects():
        for x in gc.get_referents(thing):
            if isinstance(x, np.ndarray) and x.shape == shape:
                return x
    return np.zeros(shape)
