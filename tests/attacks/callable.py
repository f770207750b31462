"""A function that would compute the answer, if it were asked.

Scores: bad_output
"""

from port import forward as right


def forward(weights, tokens):
    x = right(weights, tokens)
    return lambda: x
