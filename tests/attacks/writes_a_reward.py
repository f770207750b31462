"""Writes the reward files of usual harnesses (OpenEnv#1199).

Scores: wrong_logits
"""

import numpy as np

for name in ("reward.txt", "reward.json", "score.txt", "result.json"):
    with open(name, "w") as file:
        file.write("1")


def forward(weights, tokens):
    return np.zeros((*tokens.shape, len(weights["embed"])))
