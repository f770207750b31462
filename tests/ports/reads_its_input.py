"""Reads standard input to its end."""

import sys

from port import forward  # noqa: F401

sys.stdin.read()
