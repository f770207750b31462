"""Sets the tokens to what it can answer.

Scores: wrong_logits
"""

from port import forward as right


def forward(weights, tokens):
    tokens[:] = 0
    return right(weights, tokens)
