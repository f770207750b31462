"""Takes a tensor out of the dict that the harness still needs.

Scores: crashed
"""

from port import forward as right


def forward(weights, tokens):
    embed = weights.pop("embed")
    return right({**weights, "embed": embed}, tokens)
