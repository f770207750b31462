"""A dict, as transformers return it.

Scores: bad_output
"""

from port import forward as right


def forward(weights, tokens):
    x = right(weights, tokens)
    return {"logits": x}
