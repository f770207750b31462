"""Right, but its exit handler never ends.

Scores: timeout
"""

import atexit
import time

from port import forward  # noqa: F401

atexit.register(time.sleep, 60)
