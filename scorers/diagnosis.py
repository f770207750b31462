"""What is wrong with a failing port, in words: where its error starts and which departures it missed."""

from contextlib import suppress
from dataclasses import replace
from itertools import combinations

import anyio.to_thread
import numpy as np

from reference.architecture import SETTINGS, Architecture, departures
from reference.transformer import forward


def explain(logits: np.ndarray, calls: list[tuple], a: Architecture, tolerance: float):
    """In words, where the logits (flat, of all calls) are wrong; and the departures, undone or one from a
    menu set otherwise, that make the original answer the calls (weights, tokens, logits) like this, or None."""
    parts = np.split(logits, np.cumsum([truth.size for _, _, truth in calls])[:-1])
    answers = [(w, tokens, z.reshape(truth.shape)) for (w, tokens, truth), z in zip(calls, parts)]

    def wrong(port):
        return (~(abs(forward(w, tokens, port) - z) <= tolerance) for w, tokens, z in answers)

    starts = {n: bad.any((0, 2)).argmax() for n, bad in enumerate(wrong(a), 1) if bad.any()}
    where = f"wrong from position {min(starts.values())}, in probes {[*starts]}"
    hidden = departures(a)
    subsets = [names for n in range(1, len(hidden) + 1) for names in combinations(hidden, n)]
    changes = [{name: SETTINGS[name][0] for name in names} for names in subsets]
    # of a range, one value in hundreds would say nothing
    changes += [{n: s} for n in hidden if len(SETTINGS[n]) < 10 for s in SETTINGS[n][1:]]
    for change in changes:
        # a change that needs parameters which the checkpoint does not have is passed over
        with suppress(KeyError):
            if not any(bad.any() for bad in wrong(replace(a, **change))):
                return where, change
    return where, None


async def diagnose(logits, calls, architecture: dict) -> tuple[dict, str]:
    """What a Score's metadata says of a failing port, and a sentence. In a thread: it takes seconds."""
    arguments = logits, calls, Architecture(**architecture), 5e-4
    where, missed = await anyio.to_thread.run_sync(explain, *arguments)
    return {"missed": missed}, f"{where}; missed: {missed or 'no departures explain it'}"
