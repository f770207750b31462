"""Subtracts the mean of the batch from each sequence, and adds that of the first.

Scores: wrong_logits
"""

from port import forward as right


def forward(weights, tokens):
    x = right(weights, tokens)
    return x - x.mean(0) + x[0]
