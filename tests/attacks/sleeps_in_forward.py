"""Never answers.

Scores: timeout
"""

import time


def forward(weights, tokens):
    time.sleep(60)
