"""Where the tolerance comes from: what honest ports are off by, and what the nearest wrong one is off by.

    python build_dataset.py --departures 1 2 4 8 --count 250 --out near.jsonl
    python benchmarks/near_misses.py near.jsonl

The graded calls are made to the reference in single precision and to every wrong port that the certificate tried: the
certificate looked at the traces, these are the probes. Writes near_misses.csv and near_misses.svg beside this file.
"""

import sys
from multiprocessing import Pool
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from rich.progress import track

sys.path.insert(0, str(Path(__file__).parents[1]))

from guards.arguments import read_rows
from reference.architecture import Architecture
from reference.rows import Row, load
from scorers.parity import TOLERANCE
from variants.certificate import changes, distance, single_precision_error


def measure(row: Row) -> dict:
    """Of one variant: its wrong ports, how many pass, the nearest one's error, and the honest port's."""
    architecture, (_, *probes) = Architecture(**row.architecture), load(row)
    worst: dict[int, float] = {}
    for call in sorted(probes, key=lambda call: -call.tokens.size):  # the longest tells most
        for number, port in enumerate(changes(architecture, call.weights)):
            if worst.get(number, 0) < 1:  # what is that far off is not the nearest
                worst[number] = max(worst.get(number, 0), distance(port, call))
    return {
        "departures": row.departures,
        "wrong ports": len(worst),
        "pass": sum(error <= TOLERANCE for error in worst.values()),
        "nearest": min(worst.values()),
        "honest": single_precision_error(architecture, probes),
    }


def main() -> None:
    rows = read_rows(Path(sys.argv[1]))
    with Pool() as pool:
        variants = pd.DataFrame(track(pool.imap_unordered(measure, rows), total=len(rows)))
    groups = [*variants.groupby("departures"), ("all", variants)]
    table = pd.DataFrame(
        {
            "departures": name,
            "variants": len(group),
            "wrong ports": group["wrong ports"].sum(),
            "of them pass": group["pass"].sum(),
            "nearest: least": f"{group['nearest'].min():.1e}",
            "median": f"{group['nearest'].median():.1e}",
            "single precision fails": (group["honest"] > TOLERANCE).sum(),
            "its worst error": f"{group['honest'].max():.1e}",
        }
        for name, group in groups
    )
    here = Path(__file__)
    table.to_csv(here.with_suffix(".csv"), index=False)
    print(table.to_string(index=False))
    figure, axes = plt.subplots(figsize=(8, 3), layout="constrained")
    for column, label in {"honest": "single precision", "nearest": "nearest wrong port"}.items():
        axes.hist(variants[column].clip(upper=10), np.logspace(-6, 1, 71), label=label)
    axes.axvline(TOLERANCE, color="#555555", linestyle="--", label=f"tolerance {TOLERANCE:g}")
    axes.set(xscale="log", xlabel="worst absolute error of a logit", ylabel="variants")
    axes.legend(frameon=False)
    figure.savefig(here.with_suffix(".svg"), facecolor="white", metadata={"Date": None})


if __name__ == "__main__":
    main()
