"""Exit code 0 in the middle of the calls, after a right first one.

Scores: crashed
"""

import os

from port import forward as right

calls = []


def forward(weights, tokens):
    calls.append(tokens)
    return right(weights, tokens) if len(calls) == 1 else os._exit(0)
