"""Right once, then an exception: a grader that averages over the calls that answer sees a perfect port.

Scores: crashed
"""

from port import forward as right

calls = []


def forward(weights, tokens):
    calls.append(tokens)
    if len(calls) > 1:
        raise ValueError("call me once")
    return right(weights, tokens)
