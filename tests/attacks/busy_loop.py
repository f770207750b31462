"""Computes without end.

Scores: timeout
"""


def forward(weights, tokens):
    while True:
        pass
