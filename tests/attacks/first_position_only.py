"""Every token by itself: right at position 0.

Scores: wrong_logits
"""

from port import forward as right


def forward(weights, tokens):
    x = right(weights, tokens.reshape(-1, 1))
    return x.reshape(*tokens.shape, -1)
