"""Answers a shape that it has met with the answer it gave then.

Scores: wrong_logits
"""

from port import forward as right

answers = {}


def forward(weights, tokens):
    if tokens.shape not in answers:
        answers[tokens.shape] = right(weights, tokens)
    return answers[tokens.shape]
