"""A list of lists of unequal length.

Scores: crashed
"""

from port import forward as right


def forward(weights, tokens):
    x = right(weights, tokens)
    return [row.tolist()[: n + 1] for n, row in enumerate(x)] + [[]]
