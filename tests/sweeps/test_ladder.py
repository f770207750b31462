"""The public files suffice: the search of baselines/ solves 99% of fresh variants if it knows every choice.

pytest tests/sweeps/test_ladder.py --sweep --count 50 -s      # variants with 1, 2, 4, 8 and 12 departures each
"""

import time

import numpy as np
import pandas as pd

from identification.search import recover
from reference.architecture import SETTINGS
from reference.rows import load
from reference.transformer import forward
from scorers.parity import TOLERANCE
from tests.sweeps.conftest import fresh_row, in_parallel


def attempt(departures: int) -> dict:
    """Of one variant: does what is found answer the probes of both checkpoints?"""
    row = fresh_row(departures)
    traces, *probes = load(row)
    start = time.process_time()
    found, _ = recover(traces.weights, traces.tokens, np.float32(traces.logits), SETTINGS)
    seconds = time.process_time() - start
    with np.errstate(all="ignore"):
        errors = [abs(forward(w, tokens, found) - logits).max() for w, tokens, logits in probes]
    return {
        "departures": departures,
        "solved": max(errors) <= TOLERANCE,
        "seconds": seconds,
        "row": row.model_dump_json(include={"seed", "number", "architecture"}),
    }


def test_fresh_variants_are_solved(of_each):
    jobs = [departures for departures in (12, 8, 4, 2, 1) for _ in range(of_each)]
    attempts = pd.DataFrame(in_parallel(attempt, jobs))
    of_count = attempts.groupby("departures")
    rates = of_count["solved"].agg(["mean", "count"])
    print(rates.join(of_count["seconds"].agg(["median", "max"]).round(1)).to_string())
    print("not solved:", *attempts.loc[~attempts["solved"], "row"], sep="\n")
    assert attempts["solved"].mean() >= 0.99
