"""The right logits rounded.

Scores: wrong_logits
"""

from port import forward as right


def forward(weights, tokens):
    x = right(weights, tokens)
    return x.round().astype(int)
