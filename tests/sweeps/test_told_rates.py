"""The find rates that are read from diagnoses are those that a solver has.

pytest tests/sweeps/test_told_rates.py --sweep --count 50 -s      # 200 attempts, at fresh variants

The solver is the search of baselines/, which knows some choices better than others. What it has found is known: the
setting is the right one, or it is not. The diagnosis knows only what its port answers. What makes no difference to a port
is neither found nor missed: without a window, no answer tells which layers would have one.
"""

from dataclasses import replace
from random import Random
from typing import Any

import numpy as np
import pandas as pd

from baselines.search import shares
from difficulty.band import interval
from difficulty.find_rates import Attempt, fit
from identification.search import recover
from reference.architecture import RARITY, SETTINGS, Architecture, departures
from reference.rows import load
from reference.transformer import forward
from reference.variant import Call
from tests.sweeps.conftest import fresh_row, in_parallel
from tests.sweeps.test_diagnosis import diagnosed
from variants.certificate import TOLERANCE


def matters(name: str, setting: Any, port: Architecture, call: Call) -> bool:
    """Does the port answer otherwise with this setting than with the baseline? A port that crashes does."""
    answers = []
    for option in (setting, SETTINGS[name][0]):
        try:
            answers.append(forward(call.weights, call.tokens, replace(port, **{name: option})))
        except (KeyError, ValueError):
            return True
    return abs(np.subtract(*answers)).max() > TOLERANCE


def attempt(size: int) -> tuple[Attempt, dict[str, bool]]:
    """What is told of an attempt at a fresh variant, and for each departure whether it was found."""
    row, known = fresh_row(size), shares(0.8, 1.5)
    random, original = Random(row.seed), Architecture(**row.architecture)
    traces, *calls = load(row)
    longest = max(calls, key=lambda call: call.tokens.shape[1])
    names = [name for name in SETTINGS if random.random() < known[name]]
    port, _ = recover(traces.weights, traces.tokens, traces.logits, names)
    found = {
        name: getattr(port, name) == setting
        for name, setting in departures(original).items()
        if matters(name, setting, port, longest)
    }
    try:
        errors = [abs(forward(w, tokens, port) - logits).max() for w, tokens, logits in calls]
    except (KeyError, ValueError):  # a port that crashes tells nothing
        return Attempt.from_log(row.model_dump(), False, {}), found
    if max(errors) <= TOLERANCE:
        return Attempt.from_log(row.model_dump(), True, {}), found
    told = diagnosed(original, calls, lambda weights, tokens: forward(weights, tokens, port))
    return Attempt.from_log(row.model_dump(), False, vars(told)), found


def test_told_find_rates_are_the_true_ones(of_each):
    attempts, found = zip(*in_parallel(attempt, [1, 2, 3, 4] * of_each))
    told = pd.DataFrame(fit(attempts, RARITY).find_rates()).quantile([0.025, 0.5, 0.975]).T
    true = pd.DataFrame(found).agg(["sum", "count"]).T.astype(int)
    ends = [interval(number, tried) for number, tried in true.to_numpy().tolist()]
    true[["low", "high"]] = ends
    table = true.join(told.set_axis(["told low", "told", "told high"], axis=1))
    print(table.sort_values("told").to_string(float_format="{:.2f}".format))
    assert (table["low"] <= table["told high"]).all()
    assert (table["told low"] <= table["high"]).all()
