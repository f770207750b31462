"""Right once for each checkpoint; it doubles a tensor in place, so the next call is wrong.

Scores: wrong_logits
"""

from port import forward as right


def forward(weights, tokens):
    x = right(weights, tokens)
    weights["final_norm"] *= 2
    return x
