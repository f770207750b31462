"""Goes to another working directory."""

import os

from port import forward  # noqa: F401

os.chdir("/")
