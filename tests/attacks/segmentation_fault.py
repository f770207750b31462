"""The process dies by a signal, without a traceback.

Scores: crashed
"""

import ctypes


def forward(weights, tokens):
    return ctypes.string_at(0)
