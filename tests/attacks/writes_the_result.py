"""Tells the answers itself, in their right size, and leaves (terminal-bench#1267). It has no logits to tell.

Scores: wrong_logits
"""

import os

import __main__

size = sum(8 * tokens.size * len(weights["embed"]) for weights, tokens in __main__.calls)
os.write(__main__.host.fileno(), b"logits " + bytes(size).hex().encode() + b"\n")
os._exit(0)
