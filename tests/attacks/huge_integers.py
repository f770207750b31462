"""Python integers that no machine number holds.

Scores: bad_output
"""

from port import forward as right


def forward(weights, tokens):
    x = right(weights, tokens)
    return [[[10**400] * x.shape[2]] * x.shape[1]] * x.shape[0]
