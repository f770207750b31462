"""Makes every exit of the process one with code 0, then fails.

Scores: crashed
"""

import builtins
import os
import sys

sys.exit = builtins.exit = lambda *_: os._exit(0)
sys.excepthook = lambda *_: os._exit(0)


def forward(weights, tokens):
    return 1 / 0
