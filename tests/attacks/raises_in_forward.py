"""An exception in each call: a grader that skips calls that fail has none left to compare.

Scores: crashed
"""


def forward(weights, tokens):
    return 1 / 0
