"""Mean logits of shape (1, 1, V), which broadcast against the answer.

Scores: bad_output
"""

from port import forward as right


def forward(weights, tokens):
    x = right(weights, tokens)
    return x.mean((0, 1), keepdims=True)
