"""Closes both output streams."""

import os

from port import forward  # noqa: F401

os.close(1)
os.close(2)
