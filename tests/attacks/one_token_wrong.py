"""Wrong where one id of the vocabulary stands, and only there.

Scores: wrong_logits
"""

from port import forward as right


def forward(weights, tokens):
    x = right(weights, tokens)
    return x + 1e-2 * (tokens == 7)[:, :, None]
