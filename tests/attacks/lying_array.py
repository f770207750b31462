"""An object that says it has the right shape and gives NumPy a scalar (AlgoTune 9592708).

Scores: bad_output
"""

import numpy as np


class Liar:
    dtype = np.dtype(float)

    def __init__(self, shape):
        self.shape = shape

    def __len__(self):
        return self.shape[0]

    def __array__(self, dtype=None, copy=None):
        return np.array(0.0)


def forward(weights, tokens):
    return Liar((*tokens.shape, len(weights["embed"])))
