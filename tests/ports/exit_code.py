"""Right, then exit code 3: the answers are there."""

import atexit
import os

from port import forward  # noqa: F401

atexit.register(os._exit, 3)
