"""Fills whatever keeps its output.

Scores: timeout
"""


def forward(weights, tokens):
    while True:
        print("\x1b[31m" + "spam " * 1000)
