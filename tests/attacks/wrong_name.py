"""The function has another name.

Scores: crashed
"""

from port import forward as right


def Forward(weights, tokens):
    return right(weights, tokens)
