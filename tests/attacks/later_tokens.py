"""Reads each sequence from its end: every position uses later tokens.

Scores: wrong_logits
"""

from port import forward as right


def forward(weights, tokens):
    return right(weights, tokens[:, ::-1])[:, ::-1]
