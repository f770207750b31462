"""Where the tolerance comes from: what honest ports are off by, and what the nearest wrong one is off by.

    python build_dataset.py --count 250 --out near.jsonl
    python benchmarks/near_misses.py near.jsonl

For each variant of the dataset, all calls that are graded are made to the reference in single precision and to every
wrong port of variants.certificate.changes(). The certificate looked at the traces; these are the probes, and the
verdict is that of the scorer. Writes a table, near_misses.csv, and a picture, near_misses.svg, beside this file.
"""

import argparse
import sys
from multiprocessing import Pool
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
from rich.progress import track

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from reference.architecture import Architecture
from reference.rows import Row, load, read_rows
from reference.transformer import forward
from scorers.parity import TOLERANCE
from variants.certificate import changes, single_precision_error

matplotlib.use("svg")
from matplotlib import pyplot as plt

HERE = Path(__file__).with_suffix("")


def measure(row: Row) -> dict:
    """Of one variant: the worst error of the single-precision port and of each wrong port on the graded calls."""
    architecture = Architecture(**row.architecture)
    _, *probes = load(row)
    ports = zip(*(changes(architecture, call.weights) for call in probes), strict=True)
    errors = [worst_error(port, probes) for port in ports]  # a port reads each checkpoint
    return {
        "departures": row.departures,
        "honest": single_precision_error(architecture, probes),
        "wrong ports": len(errors),
        "wrong passed": sum(error <= TOLERANCE for error in errors),
        "nearest": min(errors),
    }


def worst_error(port, calls) -> float:
    """Worst absolute error of a port on the calls, or on those up to one that is far off; inf if it fails."""
    worst = 0.0
    for (weights, architecture), (_, tokens, logits) in zip(port, calls):
        try:
            with np.errstate(all="ignore"):
                off = abs(forward(weights, tokens, architecture) - logits).max()
        except (KeyError, ValueError):
            return np.inf
        worst = max(worst, np.nan_to_num(off, nan=np.inf))
        if worst > 1:
            break
    return worst


def summary(variants: pd.DataFrame) -> dict:
    return {
        "variants": len(variants),
        "wrong ports": variants["wrong ports"].sum(),
        "wrong ports passed": variants["wrong passed"].sum(),
        "nearest wrong port": f"{variants['nearest'].min():.1e}",
        "median nearest": f"{variants['nearest'].median():.1e}",
        "honest ports failed": (variants["honest"] > TOLERANCE).sum(),
        "worst honest port": f"{variants['honest'].max():.1e}",
        "median honest": f"{variants['honest'].median():.1e}",
    }


def picture(variants: pd.DataFrame) -> None:
    """Two histograms of errors, and the tolerance between them."""
    figure, axes = plt.subplots(figsize=(8, 3), layout="constrained")
    bins = np.logspace(-6, 1, 71)
    axes.hist(variants["honest"], bins, label="single-precision port", color="#3a7")
    axes.hist(variants["nearest"].clip(upper=10), bins, label="nearest wrong port", color="#c53")
    axes.axvline(TOLERANCE, color="#777", linestyle="--", label=f"tolerance {TOLERANCE:g}")
    axes.set(xscale="log", xlabel="worst absolute error of a logit", ylabel="variants")
    axes.set_title(f"{len(variants)} certified variants, graded calls")
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(HERE.with_suffix(".svg"), facecolor="white", metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dataset", type=Path)
    rows = read_rows(parser.parse_args().dataset)
    with Pool() as pool:
        measured = track(pool.imap_unordered(measure, rows), "variants", len(rows))
        variants = pd.DataFrame(measured)
    groups = {str(count): group for count, group in variants.groupby("departures")}
    table = pd.DataFrame(
        {name: summary(group) for name, group in (groups | {"all": variants}).items()}
    )
    table.T.to_csv(HERE.with_suffix(".csv"), index_label="departures")
    picture(variants)
    print(table.to_string())


if __name__ == "__main__":
    main()
