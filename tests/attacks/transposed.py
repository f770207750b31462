"""Batch, vocabulary, position.

Scores: bad_output
"""

from port import forward as right


def forward(weights, tokens):
    x = right(weights, tokens)
    return x.swapaxes(1, 2)
