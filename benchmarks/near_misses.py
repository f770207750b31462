"""Where the tolerance comes from: what honest ports are off by, and what the nearest wrong one is off by.

    python build_dataset.py --count 250 --seed 50 --out near.jsonl
    python benchmarks/near_misses.py near.jsonl

For each variant of the dataset, all calls that are graded are made to the reference in single precision and to
every wrong port that build_dataset.changes() has: each choice set otherwise, each pair of departures undone
or altered, each other head count. The certificate looked at the traces; these are the probes, and the verdict
is that of the scorer. Writes a table, near_misses.csv, and a picture, near_misses.svg, beside this file.
"""

import argparse
import subprocess
import sys
from multiprocessing import Pool
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
from rich.progress import track

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from build_dataset import changes, float32_error, read_rows  # noqa: E402
from reference.architecture import SETTINGS, Architecture  # noqa: E402
from reference.transformer import forward  # noqa: E402
from reference.variants import load  # noqa: E402
from scorers.parity import TOLERANCE  # noqa: E402

matplotlib.use("svg")
from matplotlib import pyplot as plt  # noqa: E402


def measure(row: dict) -> dict:
    """Of one variant: the worst error of the single-precision port, the number of wrong ports, how many of
    them pass, the error of the nearest one and what is wrong with it."""
    a, (traces, *probes) = load(row)
    probes.sort(key=lambda call: -call[1].size)  # what is wrong shows first on the longest
    errors = {port: error(port, probes) for port in changes(a, traces[0])}
    nearest = min(errors, key=lambda port: errors[port])
    differs = {n: getattr(nearest, n) for n in SETTINGS if getattr(nearest, n) != getattr(a, n)}
    return {
        "departures": row["departures"],
        "honest": float32_error(a, probes),
        "wrong ports": len(errors),
        "wrong passed": sum(error <= TOLERANCE for error in errors.values()),
        "nearest": errors[nearest],
        "what": differs or {"heads": nearest.heads},
    }


def error(port: Architecture, calls: list[tuple]) -> float:
    """Worst absolute error of a port on the calls, or of those up to one that is far off; inf if it fails."""
    worst = 0.0
    for weights, tokens, logits in calls:
        try:
            with np.errstate(all="ignore"):
                off = abs(forward(weights, tokens, port) - logits).max()
        except (KeyError, ValueError):
            return np.inf
        worst = max(worst, np.nan_to_num(off, nan=np.inf))
        if worst > 1:
            break
    return worst


def summary(variants: pd.DataFrame) -> pd.DataFrame:
    """One row per number of departures, and one for all."""
    rows = {str(k): group for k, group in variants.groupby("departures")} | {"all": variants}
    return pd.DataFrame(
        {
            "departures": k,
            "variants": len(group),
            "wrong ports": group["wrong ports"].sum(),
            "wrong ports passed": group["wrong passed"].sum(),
            "nearest wrong port": f"{group['nearest'].min():.1e}",
            "median nearest": f"{group['nearest'].median():.1e}",
            "honest ports failed": (group["honest"] > TOLERANCE).sum(),
            "worst honest port": f"{group['honest'].max():.1e}",
            "median honest": f"{group['honest'].median():.1e}",
        }
        for k, group in rows.items()
    )


def picture(variants: pd.DataFrame, path: Path) -> None:
    """Two histograms of errors, and the tolerance between them."""
    figure, axes = plt.subplots(figsize=(8, 3), layout="constrained")
    bins = np.logspace(-6, 1, 71)
    sides = {"honest": ("single-precision port", "#3a7"), "nearest": ("nearest wrong port", "#c53")}
    for column, (label, color) in sides.items():
        axes.hist(variants[column].clip(upper=10), bins, label=label, color=color)
    axes.axvline(TOLERANCE, color="#777", linestyle="--", label=f"tolerance {TOLERANCE:g}")
    axes.set(xscale="log", xlabel="worst absolute error of a logit", ylabel="variants")
    axes.set_title(f"{len(variants)} certified variants, graded calls")
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, facecolor="white", metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dataset", type=Path)
    rows = read_rows(parser.parse_args().dataset)
    with Pool() as pool:
        measured = pool.imap_unordered(measure, rows)
        variants = pd.DataFrame(track(measured, "variants", len(rows)))
    here = Path(__file__).with_suffix("")
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True
    )
    command = f"# python benchmarks/near_misses.py {parser.parse_args().dataset.name}"
    table = summary(variants).to_csv(index=False)
    here.with_suffix(".csv").write_text(f"{command}, at commit {commit.stdout}{table}")
    picture(variants, here.with_suffix(".svg"))
    print(summary(variants).T.to_string(header=False))
    near = variants.nsmallest(5, "nearest")
    print("\nnearest of all:", *zip(near["nearest"].round(5), near["what"]), sep="\n  ")


if __name__ == "__main__":
    main()
