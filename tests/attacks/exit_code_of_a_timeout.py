"""Ends at once with the exit code by which timeout(1) says that the time was up.

Scores: crashed
"""

import os

os._exit(124)
