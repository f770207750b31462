"""Runs the submission: `python -P -c <this file> < CALLS`, in the folder of model.py.

CALLS is a pickled list of (weights, tokens); logits.bin gets every logit as a raw float64, call after call.
Nothing that happens here is trusted: the host takes numbers, as many as it asked for, and compares them.
"""

import pickle
import sys

import numpy as np

calls, answers = pickle.load(sys.stdin.buffer), b""
# only now: a numpy.py beside model.py is not NumPy; and no .pyc: it may be that of an older model.py
sys.path, sys.pycache_prefix = ["", *sys.path], "/dev/null"
with open("logits.bin", "wb") as result:  # empty before the submission runs
    import model

    for weights, tokens in calls:
        logits = np.asarray(model.forward(weights, tokens))
        if logits.shape != (*tokens.shape, len(weights["embed"])) or logits.dtype.kind not in "fiu":
            sys.exit(f"bad output: {logits.dtype} {logits.shape} for tokens {tokens.shape}")
        answers += logits.astype(np.float64).tobytes()
    result.write(answers)  # now, in one piece: a port may fork, or write a logits.bin of its own
