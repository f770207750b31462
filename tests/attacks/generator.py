"""An iterator that gives other values the second time.

Scores: bad_output
"""

from port import forward as right


def forward(weights, tokens):
    x = right(weights, tokens)
    return (row for row in x)
