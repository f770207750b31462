"""Closes what the harness tells its answers on.

Scores: crashed
"""

import os

from port import forward  # noqa: F401

import __main__

os.close(__main__.host.fileno())
