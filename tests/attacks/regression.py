"""Least squares from the embeddings of the last two tokens to the traces' logits.

Scores: wrong_logits
"""

import numpy as np

traces = np.load("traces.npz")


def features(embed, tokens):
    before = np.pad(tokens, ((0, 0), (1, 0)))[:, :-1]
    return np.concatenate([embed[tokens], embed[before], np.ones((*tokens.shape, 1))], 2)


x = features(np.load("weights.npz")["embed"], traces["tokens"])
y = traces["logits"]
fit = np.linalg.lstsq(x.reshape(-1, x.shape[2]), y.reshape(-1, y.shape[2]), rcond=None)[0]


def forward(weights, tokens):
    return features(weights["embed"], tokens) @ fit
