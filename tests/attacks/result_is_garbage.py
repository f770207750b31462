"""Bytes that are no text, no number and no line, where the numbers are expected.

Scores: crashed
"""

import os

import __main__

os.write(__main__.host.fileno(), b"logits =\nsource ab1\nlogits \xff\xfe A\n\x00 \x0c \xe2\x80\xa8")
os._exit(0)
