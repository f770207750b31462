"""A pickle that runs a command when it is loaded, where the numbers are expected.

Scores: crashed
"""

import base64
import os
import pickle

import __main__


class Payload:
    def __reduce__(self):
        return os.system, ("exit 1",)


os.write(__main__.host, b"logits " + base64.b64encode(pickle.dumps(Payload())) + b"\n")
os._exit(0)
