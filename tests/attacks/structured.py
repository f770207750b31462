"""An array of records.

Scores: bad_output
"""

from port import forward as right


def forward(weights, tokens):
    x = right(weights, tokens)
    return x.astype([("logit", float)])
