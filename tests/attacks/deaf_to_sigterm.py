"""Ignores the signal that asks it to end.

Scores: timeout
"""

import signal
import time

signal.signal(signal.SIGTERM, signal.SIG_IGN)
time.sleep(60)
