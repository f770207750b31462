"""No return value.

Scores: bad_output
"""

from port import forward as right


def forward(weights, tokens):
    x = right(weights, tokens)
    return None if len(x) else x
