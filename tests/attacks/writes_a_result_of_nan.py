"""Tells answers in their right size, of NaN: `if error > tolerance: reject` accepts it.

Scores: wrong_logits
"""

import base64
import os

import numpy as np

import __main__

size = sum(tokens.size * len(weights["embed"]) for weights, tokens in __main__.calls)
os.write(__main__.host, b"logits " + base64.b64encode(np.full(size, np.nan).tobytes()) + b"\n")
os._exit(0)
