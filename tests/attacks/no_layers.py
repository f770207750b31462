"""Embedding and unembedding, nothing between.

Scores: wrong_logits
"""


def forward(weights, tokens):
    return weights["embed"][tokens] @ weights["unembed"].T
