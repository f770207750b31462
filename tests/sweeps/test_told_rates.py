"""The find rates that are read from diagnoses are those that a solver has.

pytest tests/sweeps/test_told_rates.py --sweep --count 50 -s      # 200 attempts, at fresh variants

The solver is the search of baselines/, which knows some choices better than others. What it knows in an attempt is drawn
and counted; the diagnosis has only the answers of its port.
"""

from random import Random

import pandas as pd

from baselines.search import shares
from difficulty.find_rates import Attempt, fit
from identification.search import recover
from reference.architecture import RARITY, SETTINGS, Architecture, departures
from reference.rows import load
from reference.transformer import forward
from scorers.pass_rate import interval
from tests.sweeps.conftest import fresh_row, in_parallel
from tests.sweeps.test_diagnosis import diagnosed
from variants.certificate import TOLERANCE


def attempt(size: int) -> tuple[Attempt, dict[str, bool]]:
    """What is told of an attempt at a fresh variant, and for each departure whether it was known."""
    row, known = fresh_row(size), shares(0.8, 1.5)
    random, original = Random(row.seed), Architecture(**row.architecture)
    traces, *calls = load(row)
    names = [name for name in SETTINGS if random.random() < known[name]]
    port, _ = recover(traces.weights, traces.tokens, traces.logits, names)
    knows = {name: name in names for name in departures(original)}
    try:
        errors = [abs(forward(w, tokens, port) - logits).max() for w, tokens, logits in calls]
    except (KeyError, ValueError):  # a port that crashes tells nothing
        return Attempt.from_log(row.model_dump(), False, {}), knows
    if max(errors) <= TOLERANCE:
        return Attempt.from_log(row.model_dump(), True, {}), knows
    told = diagnosed(original, calls, lambda weights, tokens: forward(weights, tokens, port))
    return Attempt.from_log(row.model_dump(), False, vars(told)), knows


def test_told_find_rates_are_the_true_ones(of_each):
    attempts, knows = zip(*in_parallel(attempt, [1, 2, 3, 4] * of_each))
    told = pd.DataFrame(fit(attempts, RARITY).find_rates()).quantile([0.025, 0.5, 0.975]).T
    true = pd.DataFrame(knows).agg(["sum", "count"]).T.astype(int)
    ends = [interval(number, tried) for number, tried in true.to_numpy().tolist()]
    true[["low", "high"]] = ends
    table = true.join(told.set_axis(["told low", "told", "told high"], axis=1))
    print(table.sort_values("told").to_string(float_format="{:.2f}".format))
    assert (table["low"] <= table["told high"]).all()
    assert (table["told low"] <= table["high"]).all()
