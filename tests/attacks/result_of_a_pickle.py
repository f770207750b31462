"""A pickle that runs a command when it is loaded, where the numbers are expected.

Scores: crashed
"""

import os
import pickle

import __main__


class Payload:
    def __reduce__(self):
        return os.system, ("exit 1",)


os.write(__main__.host.fileno(), b"logits " + pickle.dumps(Payload()).hex().encode() + b"\n")
os._exit(0)
