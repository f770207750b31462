"""An array of Python objects, each with methods of its own.

Scores: bad_output
"""

from port import forward as right


def forward(weights, tokens):
    x = right(weights, tokens)
    return x.astype(object)
