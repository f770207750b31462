"""Do the report's statistics hold? Solvers of known strength, judged by the code of the report, rungs.py.

    python benchmarks/report_statistics.py --runs 1500

A solver finds choice i with probability sigmoid(logit(q) + e z_i), z_i standard normal and q uniform in 0.3 to
0.98; e = 0 makes all choices as hard, e = 1 some much harder. It passes a variant if it finds all departures.
A run tries one variant for each of 2, 4, 6, 8 departures, as dataset.jsonl has it, drawn as build_dataset.py
draws; the true rate is that of the variant.

The README has the first five columns. Then: the share of the intervals of the worst of 8 strengths, 0.3 to 0.98;
the runs where the report gives a tried rung, certain or not, and of these those with a true rate in 10-40%; the
runs where it gives no tried rung, and of these those with none in 10-40%. Below the table: at which single rate
the interval covers least, by summing the binomial distribution.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from rich.progress import track
from scipy.stats import binom

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from build_dataset import LADDER, draw  # noqa: E402
from reference.architecture import SETTINGS, departures  # noqa: E402
from rungs import BAND, choose, counts, interval  # noqa: E402

VARIANTS = 300  # per rung, to draw from
STRENGTHS = (0.3, 0.98)
HEAD = (
    "solver",
    "epochs",
    "95% intervals that hold the true rate",
    'runs that say "Train on"',
    "of these truly in 10–40%",
    "least covered",
    "runs that give a tried rung",
    "of these truly in 10–40%",
    "runs that give none",
    "of these truly none in 10–40%",
)


def run(rng: np.random.Generator, variants: dict[int, list], epochs: int, uneven: float) -> dict:
    """One run of one solver: what the report says of it, and what is true."""
    q = rng.uniform(*STRENGTHS)
    logits = np.log(q / (1 - q)) + uneven * rng.normal(size=len(SETTINGS))
    finds = dict(zip(SETTINGS, 1 / (1 + np.exp(-logits))))
    rates = {k: np.prod([finds[n] for n in variants[k][rng.integers(VARIANTS)]]) for k in LADDER}
    attempts = pd.DataFrame(
        [(k, int(rng.random() < rates[k])) for k in LADDER for _ in range(epochs)],
        columns=["departures", "passed"],
    )
    passed, tried = counts(attempts)
    rung, _, act = choose(passed, tried)
    ends = [(*interval(passed[k - 1], tried[k - 1]), rate) for k, rate in rates.items()]
    return {
        "q": q,
        "covered": np.mean([low <= rate <= high for low, high, rate in ends]),
        "act": act,
        "right": BAND[0] <= rates.get(rung, -1) <= BAND[1],
        "any": any(BAND[0] <= rate <= BAND[1] for rate in rates.values()),
    }


def least_covered(tried: int) -> str:
    """In words, the least coverage of the interval over rates of 0.1 to 99.9%, and over those of the band."""
    ends = np.array([interval(passed, tried) for passed in range(tried + 1)])
    rates = np.arange(1, 1000)[:, None] / 1000
    holds = (ends[:, 0] <= rates) & (rates <= ends[:, 1])
    covers = (binom.pmf(np.arange(tried + 1), tried, rates) * holds).sum(1)
    band = (rates[:, 0] >= BAND[0]) & (rates[:, 0] <= BAND[1])
    return (
        f"{tried} attempts: least coverage {covers.min():.1%} at a rate of {rates[covers.argmin(), 0]:.1%}, "
        f"in the band {covers[band].min():.1%}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=1500, help="of each line of the table")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    variants = {k: [list(departures(draw(s, k))) for s in range(VARIANTS)] for k in LADDER}
    lines = [" | ".join(HEAD), " | ".join(["---"] * len(HEAD))]
    for epochs in (10, 40):
        for uneven in (0.0, 0.5, 1.0):
            rng = np.random.default_rng(options.seed)
            title = f"{epochs} epochs, e = {uneven:g}"
            runs = pd.DataFrame(
                run(rng, variants, epochs, uneven) for _ in track(range(options.runs), title)
            )
            named, given = runs["act"] == "train", runs["act"].isin(["train", "repeat"])
            worst = runs.groupby(pd.cut(runs["q"], 8), observed=True)["covered"].mean().min()
            shares = (
                runs["covered"].mean(),
                named.mean(),
                runs["right"][named].mean(),
                worst,
                given.mean(),
                runs["right"][given].mean(),
                (~given).mean(),
                1 - runs["any"][~given].mean(),
            )
            name = "all choices as hard" if uneven == 0 else f"some harder, e = {uneven:g}"
            lines.append(" | ".join([name, str(epochs), *(f"{100 * x:.1f}%" for x in shares)]))
    print("\n".join(f"| {line} |" for line in lines))
    print(least_covered(10), least_covered(40), sep="\n")


if __name__ == "__main__":
    main()
