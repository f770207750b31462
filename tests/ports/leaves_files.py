"""Leaves files and a folder behind."""

import os

import numpy as np
from port import forward as right

os.makedirs("debug", exist_ok=True)


def forward(weights, tokens):
    x = right(weights, tokens)
    np.save("debug/logits.npy", x)
    np.savez("traces.npz", logits=x)
    return x
