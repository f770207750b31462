"""Closes what the harness tells its answers on.

Scores: crashed
"""

import os

import __main__
from port import forward  # noqa: F401

os.close(__main__.host)
