"""An architecture as a model.py that needs nothing but NumPy: the sources of the reference in one file."""

from inspect import getsource

from reference import architecture, transformer
from reference.architecture import Architecture

HEADER = """
import math
from dataclasses import dataclass, field, fields
from math import ceil, log, pi, sqrt
from typing import Any

import numpy as np

erf = np.vectorize(math.erf, otypes=[float])


def expit(x):
    return 0.5 * (1 + np.tanh(x / 2))

"""


def port(found: Architecture, facts: str) -> str:
    """Source of model.py; facts is its docstring."""
    lines = (getsource(architecture) + getsource(transformer)).splitlines()
    body = "\n".join(line for line in lines if not line.startswith(("from ", "import ")))
    return f'''"""{facts}"""
{HEADER}
{body}

any_forward = forward


def forward(weights, tokens):
    return any_forward(weights, tokens, {found!r})
'''
