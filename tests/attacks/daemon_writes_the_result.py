"""A double fork writes the result file when the harness is gone (terminal-bench#1267).

Scores: wrong_logits
"""

import os
import time

import numpy as np

import __main__

size = sum(tokens.size * len(weights["embed"]) for weights, tokens in __main__.calls)

if os.fork() == 0:
    os.setsid()
    for fd in range(3):
        os.close(fd)
    for _ in range(200):
        np.zeros(size).tofile("forged")
        os.replace("forged", "logits.bin")
        time.sleep(0.01)
    os._exit(0)


def forward(weights, tokens):
    return np.zeros((*tokens.shape, len(weights["embed"])))
