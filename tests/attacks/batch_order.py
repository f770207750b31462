"""Sorts the batch, and answers in that order.

Scores: wrong_logits
"""

from port import forward as right


def forward(weights, tokens):
    return right(weights, tokens[tokens[:, 0].argsort()])
