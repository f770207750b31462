"""The dial without a language model: pass rate of the search, by departures and by the share of choices it knows.

    python build_dataset.py --departures 2 4 6 8 10 12 --count 50 --seed 60 --out ladder.jsonl
    python benchmarks/ladder.py ladder.jsonl

Each variant of the dataset is attempted once for each knowledge, and by the plain Llama of baselines/. An
attempt passes if it passes as in scorers/parity.py: every logit of the graded calls within the tolerance. An
attempt that does not know one of the departures fails, by the certificate of its row; it is run only with --all,
which shows just that. Writes attempts to ladder.csv beside this file and the picture ladder.svg; what ladder.csv
holds already is not run again.
"""

import argparse
import sys
import time
from functools import partial
from multiprocessing import Pool
from pathlib import Path
from random import Random

import matplotlib
import numpy as np
import pandas as pd
from rich.progress import track
from scipy.stats import binomtest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from baselines import vanilla_model  # noqa: E402
from baselines.recover import recover  # noqa: E402
from build_dataset import read_rows  # noqa: E402
from reference.architecture import SETTINGS, departures  # noqa: E402
from reference.transformer import forward  # noqa: E402
from reference.variants import load  # noqa: E402
from scorers.parity import TOLERANCE  # noqa: E402

matplotlib.use("svg")
from matplotlib import pyplot as plt  # noqa: E402

KNOWLEDGE = (1.0, 0.9, 0.8, 0.65, 0.5)
VANILLA = -1.0
"""Stands for the plain Llama in the column of the knowledge."""


def attempt(job: tuple[dict, float, bool]) -> dict:
    """One attempt: was it run, does it pass, and how long did it take?"""
    row, knowledge, run_all = job
    a, ((weights, tokens, logits), *probes) = load(row)
    random, start = Random(f"{row['id']} {knowledge}"), time.process_time()
    known = [name for name in SETTINGS if random.random() < knowledge]
    run = run_all or knowledge == VANILLA or departures(a).keys() <= set(known)
    if knowledge == VANILLA:
        answer = vanilla_model.forward
    elif run:
        found, _ = recover(weights, tokens, np.float32(logits), known)
        answer = partial(forward, a=found)
    seconds = time.process_time() - start
    with np.errstate(all="ignore"):
        passed = run and all(right(answer, *call) for call in probes)
    return {
        "knowledge": knowledge,
        "departures": row["departures"],
        "id": row["id"],
        "run": int(run),
        "passed": int(passed),
        "seconds": round(seconds, 2),
    }


def right(answer, weights, tokens, logits) -> bool:
    try:
        return bool(abs(answer(weights, tokens) - logits).max() <= TOLERANCE)
    except (KeyError, ValueError):  # parameters that the port does not expect
        return False


def table(attempts: pd.DataFrame) -> pd.DataFrame:
    """Pass rate, its 95% Wilson interval, attempts and CPU seconds, per knowledge and departures."""
    rows = []
    for (knowledge, k), group in attempts.groupby(["knowledge", "departures"]):
        n, passed = len(group), int(group["passed"].sum())
        low, high = binomtest(passed, n).proportion_ci(method="wilson")
        rows.append(
            {
                "knowledge": knowledge,
                "departures": k,
                "pass": passed / n,
                "low": low,
                "high": high,
                "attempts": n,
                "run": group["run"].sum(),
                "seconds": group.loc[group["run"] == 1, "seconds"].mean(),
            }
        )
    return pd.DataFrame(rows).sort_values(["knowledge", "departures"], ascending=[False, True])


def picture(rates: pd.DataFrame, path: Path) -> None:
    """Pass rate against departures, one line for each knowledge, with intervals and the band."""
    figure, axes = plt.subplots(figsize=(8, 4), layout="constrained")
    axes.axhspan(0.1, 0.4, color="#ddd", label="10–40%")
    colors = plt.get_cmap("viridis")(np.linspace(0, 0.9, rates["knowledge"].nunique()))
    for n, ((knowledge, rate), color) in enumerate(zip(rates.groupby("knowledge"), colors)):
        name = "plain Llama" if knowledge == VANILLA else f"knows {knowledge:.0%}"
        x = rate["departures"] + 0.1 * (
            n - 2.5
        )  # side by side, so that intervals can be told apart
        error = [rate["pass"] - rate["low"], rate["high"] - rate["pass"]]
        axes.errorbar(x, rate["pass"], error, color=color, label=name, marker="o", ms=4, lw=1.2)
    axes.set(xlabel="departures", ylabel="pass rate, 95% interval", ylim=(-0.02, 1.02))
    axes.set_xticks(sorted(rates["departures"].unique()))
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(
        handles[::-1], labels[::-1], loc="center left", bbox_to_anchor=(1, 0.5), frameon=False
    )
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, facecolor="white", metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--knowledge", type=float, nargs="+", default=KNOWLEDGE)
    parser.add_argument("--all", action="store_true", help="run those that must fail, too")
    options = parser.parse_args()
    rows, here = read_rows(options.dataset), Path(__file__).with_suffix(".csv")
    done = set()
    if here.exists():
        held = pd.read_csv(here)
        held = held[(held["run"] == 1) | (not options.all)]
        held.to_csv(here, index=False)
        done = set(zip(held["id"], held["knowledge"]))
    solvers = (VANILLA, *options.knowledge)
    todo = [(row, q) for q in solvers for row in rows if (row["id"], q) not in done]
    jobs = [(row, q, options.all) for row, q in todo]
    with Pool() as pool, here.open("a") as file:
        for attempted in track(pool.imap_unordered(attempt, jobs), "attempts", len(jobs)):
            pd.DataFrame([attempted]).to_csv(file, index=False, header=not file.tell())
            file.flush()
    rates = table(pd.read_csv(here))
    picture(rates, here.with_suffix(".svg"))
    print(rates.to_string(index=False, float_format="{:.2f}".format))


if __name__ == "__main__":
    main()
