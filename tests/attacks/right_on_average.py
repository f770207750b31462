"""One logit is off by twice the tolerance; the mean error is far below it.

Scores: wrong_logits
"""

from port import forward as right


def forward(weights, tokens):
    x = right(weights, tokens)
    return x + 1e-3 * (x == x.max())
