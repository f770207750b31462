"""What is wrong with a failing port, in words: which departures it missed, else where its error starts."""

from dataclasses import replace
from itertools import combinations

import numpy as np

from reference.architecture import SETTINGS, Architecture, departures
from reference.transformer import forward
from reference.variants import Call


def diagnose(logits: np.ndarray, calls: list[Call], a: Architecture, tolerance: float) -> str:
    """Looks for the original with departures undone, or with one set otherwise, that gives these logits."""

    def wrong(port, calls):
        answers = np.concatenate([forward(w, tokens, port).ravel() for w, tokens, _ in calls])
        return ~(abs(answers - logits[: answers.size]) <= tolerance)

    hidden = departures(a)
    changes = [{name: setting} for name in hidden for setting in SETTINGS[name][1:6]]
    for n in range(1, len(hidden) + 1):
        changes += [
            {name: SETTINGS[name][0] for name in names} for names in combinations(hidden, n)
        ]
    for change in changes:
        port = replace(a, **change)
        if not wrong(port, calls[:1]).any() and not wrong(port, calls).any():
            return f"missed: {', '.join(change)} (it computes {change})"
    positions = np.concatenate([np.indices(expected.shape)[1].ravel() for _, _, expected in calls])
    return f"first wrong at position {positions[wrong(a, calls)].min()}"
