"""Complex numbers: their real part is right, and a comparison may drop the rest.

Scores: bad_output
"""

from port import forward as right


def forward(weights, tokens):
    x = right(weights, tokens)
    return x + 1j
