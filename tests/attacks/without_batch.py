"""The first sequence only, without its batch axis.

Scores: bad_output
"""

from port import forward as right


def forward(weights, tokens):
    x = right(weights, tokens)
    return x[0]
