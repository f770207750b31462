"""An architecture as a model.py that needs nothing but NumPy: the sources of the reference in one file."""

import re
from inspect import getsource

from reference import architecture, transformer
from reference.architecture import Architecture

SPECIAL = """
import math

erf = np.vectorize(math.erf, otypes=[float])


def expit(x):
    return 0.5 * (1 + np.tanh(x / 2))
"""
"""What the sources take from elsewhere than NumPy."""


def port(found: Architecture, facts: str) -> str:
    """Source of model.py; facts is its docstring."""
    sources = getsource(architecture) + getsource(transformer)
    sources = sources.replace("from scipy.special import erf, expit\n", SPECIAL)
    sources = re.sub("from reference.*\n", "", sources)
    return f'''"""{facts}"""

{sources}

any_forward = forward


def forward(weights, tokens):
    return any_forward(weights, tokens, {found!r})
'''
