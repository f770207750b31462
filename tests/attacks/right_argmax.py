"""The right token is the likeliest at every position; the logits are wrong.

Scores: wrong_logits
"""

from port import forward as right


def forward(weights, tokens):
    x = right(weights, tokens)
    return (x == x.max(-1, keepdims=True)) * 10.0
