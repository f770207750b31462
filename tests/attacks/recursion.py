"""Recursion without end.

Scores: crashed
"""


def forward(weights, tokens):
    return forward(weights, tokens)
