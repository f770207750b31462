"""An .npy of Python objects, which NumPy loads by unpickling, where the numbers are expected.

Scores: crashed
"""

import os

import numpy as np

with open("logits.bin", "wb") as file:
    np.save(file, np.array([{}, None]), allow_pickle=True)
os._exit(0)
