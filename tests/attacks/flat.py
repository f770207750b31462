"""The right numbers in one row.

Scores: bad_output
"""

from port import forward as right


def forward(weights, tokens):
    x = right(weights, tokens)
    return x.ravel()
