"""What the search of baselines/ passes, by the share of choices that it knows and by departures.

    python build_dataset.py --departures 1 2 4 8 12 --count 50 --out ladder.jsonl
    python benchmarks/ladder.py ladder.jsonl --knowledge 1 0.9 0.8 0.65 0.5

An attempt that does not know one of the departures fails, by the certificate of its row: it is counted, not run.
"""

import argparse
import sys
import time
from itertools import product
from multiprocessing import Pool
from pathlib import Path
from random import Random

import numpy as np
import pandas as pd
from rich.progress import track

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from guards.arguments import read_rows
from identification.search import recover
from reference.architecture import SETTINGS, Architecture, departures
from reference.rows import Row, load
from reference.transformer import forward
from scorers.parity import TOLERANCE


def attempt(job: tuple[Row, float]) -> dict:
    """One attempt: does it pass, and how long did it take?"""
    row, knowledge = job
    random = Random(f"{row.id} {knowledge}")
    known = {name for name in SETTINGS if random.random() < knowledge}
    told = {"knowledge": knowledge, "departures": row.departures, "id": row.id, "passed": False}
    if not departures(Architecture(**row.architecture)).keys() <= known:
        return told
    traces, *probes = load(row)
    start = time.process_time()
    found, _ = recover(traces.weights, traces.tokens, np.float32(traces.logits), known)
    told["seconds"] = time.process_time() - start
    with np.errstate(all="ignore"):
        errors = [abs(forward(w, tokens, found) - logits).max() for w, tokens, logits in probes]
    return told | {"passed": bool(max(errors) <= TOLERANCE)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--knowledge", type=float, nargs="+", default=[1.0, 0.9, 0.8, 0.65, 0.5])
    options = parser.parse_args()
    jobs = [*product(read_rows(options.dataset), options.knowledge)]
    with Pool() as pool:
        done = track(pool.imap_unordered(attempt, jobs), "attempts", len(jobs))
        attempts = pd.DataFrame(done)
    attempts.to_csv(Path(__file__).with_suffix(".csv"), index=False, float_format="%.2f")
    groups = attempts.groupby(["knowledge", "departures"])
    rates = groups["passed"].agg(["mean", "count"]).join(groups["seconds"].agg(["median", "max"]))
    print(rates.round(2).to_string())
    print("not solved at knowledge 1:")
    print(attempts[(attempts["knowledge"] == 1) & ~attempts["passed"]].to_string())


if __name__ == "__main__":
    main()
