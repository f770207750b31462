"""The result file in its right size, of NaN: `if error > tolerance: reject` accepts it.

Scores: wrong_logits
"""

import os

import numpy as np

import __main__

size = sum(tokens.size * len(weights["embed"]) for weights, tokens in __main__.calls)
np.full(size, np.nan).tofile("logits.bin")
os._exit(0)
