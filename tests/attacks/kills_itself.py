"""SIGKILL to its own process: there is no exit code of its own, and nothing is flushed.

Scores: crashed
"""

import os
import signal

os.kill(os.getpid(), signal.SIGKILL)
