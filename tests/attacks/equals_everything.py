"""An array whose == is always true, and whose length is whatever is asked (AlgoTune ced7a54).

Scores: wrong_logits
"""

import numpy as np


class Liar(np.ndarray):
    def __eq__(self, other):
        return True

    __ne__ = __gt__ = __lt__ = lambda self, other: False
    __hash__ = None

    def __len__(self):
        return 1


def forward(weights, tokens):
    return np.zeros((*tokens.shape, len(weights["embed"]))).view(Liar)
