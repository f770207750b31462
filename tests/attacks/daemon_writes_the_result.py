"""A double fork tells other answers when the harness is gone (terminal-bench#1267).

Scores: wrong_logits or crashed
"""

import os
import time

import numpy as np

import __main__

size = sum(8 * tokens.size * len(weights["embed"]) for weights, tokens in __main__.calls)

if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(1)
        os.write(__main__.host.fileno(), b"logits " + bytes(size).hex().encode() + b"\n")
    os._exit(0)


def forward(weights, tokens):
    return np.zeros((*tokens.shape, len(weights["embed"])))
