"""Prints what it sees, to both streams."""

import sys

from port import forward as right


def forward(weights, tokens):
    x = right(weights, tokens)
    print(tokens, x)
    print(x.mean(), "±", x.std(), file=sys.stderr)
    return x
