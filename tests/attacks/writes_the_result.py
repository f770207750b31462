"""Writes the result file itself, in its right size, and leaves (terminal-bench#1267). It has no logits to write.

Scores: wrong_logits
"""

import os

import numpy as np

import __main__

size = sum(tokens.size * len(weights["embed"]) for weights, tokens in __main__.calls)
np.zeros(size).tofile("logits.bin")
os._exit(0)
