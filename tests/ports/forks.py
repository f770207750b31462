"""A child process, which leaves by sys.exit, and so flushes what it inherited."""

import os
import sys

from port import forward as right


def forward(weights, tokens):
    if os.fork() == 0:
        sys.exit()
    os.wait()
    return right(weights, tokens)
