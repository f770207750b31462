"""Tells answers in their right size, of NaN: `if error > tolerance: reject` accepts it.

Scores: wrong_logits
"""

import os

import numpy as np

import __main__

size = sum(tokens.size * len(weights["embed"]) for weights, tokens in __main__.calls)
os.write(
    __main__.host.fileno(), b"logits " + np.full(size, np.nan).tobytes().hex().encode() + b"\n"
)
os._exit(0)
