"""Does calibration find a dataset in the band? Simulated solvers of known find rates, and the loop of calibrate.py.

    python benchmarks/difficulty.py --runs 200

A solver finds choice i with probability sigmoid(a + b_i + t). Its mean find rate is uniform in .15 to .93, the standard
deviation of b_i in .5 to 2, that of t in 0 to 1.2, and the probability that nothing else goes wrong in .7 to 1. Of
failed attempts 60% tell all; 20% tell half of it, and of two departures only whether one of them is missed; 20% tell
nothing. Only runs count in which at least ten of the variants that can be drawn are in the band.
"""

import argparse
import sys
from dataclasses import replace
from multiprocessing import Pool
from pathlib import Path

import numpy as np
import pandas as pd
from rich.progress import track
from scipy.optimize import brentq
from scipy.special import betainc, expit

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from difficulty.band import BAND, interval  # noqa: E402
from difficulty.choose import LEAST, MOST, ROUND, Variant, candidates, in_band, plan  # noqa: E402
from difficulty.find_rates import Attempt  # noqa: E402
from reference.architecture import RARITY  # noqa: E402

NAMES = list(RARITY)
COMMON = np.array([{"common": 1, "uncommon": 0, "rare": -1}[rarity] for rarity in RARITY.values()])
COMMON = (COMMON - COMMON.mean()) / COMMON.std()
WORLDS = {  # the correlation of b_i and rarity; the share of misses that are not told
    "rarity says half": (0.5, 0),
    "rarity says nothing": (0, 0),
    "rarity turned round": (-0.5, 0),
    "half of the misses untold": (0.5, 0.5),
}
BUDGETS = (20, 40, 80)
LUCK = np.random.default_rng(0).normal(size=2000)


class Solver:
    """One that is known exactly."""

    def __init__(self, rng: np.random.Generator, correlation: float, untold: float):
        mean, spread = rng.uniform(0.15, 0.93), rng.uniform(0.5, 2)
        self.luck, self.care = rng.uniform(0, 1.2), rng.uniform(0.7, 1)
        self.rng, self.untold, self.attempts = rng, untold, list[Attempt]()
        own = np.sqrt(1 - correlation**2) * rng.normal(size=len(NAMES))
        ease = spread * (correlation * COMMON + own)
        self.logits = ease + brentq(lambda a: self.finds(a + ease).mean() - mean, -20, 20)

    def finds(self, logits: np.ndarray) -> np.ndarray:
        """Of choices with these logits, in attempts of all kinds of luck: (attempts, choices)."""
        return expit(logits + self.luck * LUCK[:, None])

    def rate(self, variant: Variant) -> float:
        logits = self.logits[[NAMES.index(name) for name in variant]]
        return self.care * self.finds(logits).prod(1).mean()

    def attempt(self, variant: Variant) -> Attempt:
        """One more, which is kept."""
        names, luck = np.array(sorted(variant)), self.luck * self.rng.normal()
        chances = expit(self.logits[[NAMES.index(name) for name in names]] + luck)
        found = self.some(names, chances)
        missed, passed = variant - found, found == variant and self.rng.random() < self.care
        attempt, told = Attempt(variant, bool(passed), found, missed), self.rng.random()
        if not passed and told < 0.2:
            attempt = Attempt(variant, False)
        elif not passed and told < 0.4:
            two = frozenset(self.rng.permutation(names)[:2].tolist())
            known = self.some(names, 0.5) - two | (two & found if two <= found else frozenset())
            lists = (two,) if two & missed else ()
            attempt = Attempt(variant, False, found & known, missed & known, lists)
        if self.untold and not attempt.one_of:
            attempt = replace(attempt, missed=missed & self.some(names, 1 - self.untold))
        self.attempts.append(attempt)
        return attempt

    def some(self, names: np.ndarray, chances: np.ndarray | float) -> Variant:
        return frozenset(names[self.rng.random(len(names)) < chances].tolist())


def calibrated(solver: Solver, variants: list[Variant], budget: int):
    """The loop of calibrate.py, which goes on where it was: dataset and the interval of its rate."""
    plans = plan(solver.attempts, variants)
    while (left := budget - len(solver.attempts)) > 0 and not (plans.settled or plans.hopeless):
        for variant in plans.next[: min(ROUND, left)]:
            solver.attempt(variant)
        plans = plan(solver.attempts, variants)
    return plans.dataset, np.quantile(plans.rates, (0.025, 0.975))


def by_rung(solver: Solver, variants: list[Variant], budget: int):
    """The rung that is likeliest in the band by its pass rate, the prior uniform."""
    rungs = {
        size: [v for v in variants if len(v) == size][: budget // 5] for size in (1, 2, 4, 6, 8)
    }
    passed = {size: sum(solver.attempt(v).passed for v in rung) for size, rung in rungs.items()}

    def chance(size: int) -> float:
        a, b = 1 + passed[size], 1 + len(rungs[size]) - passed[size]
        return betainc(a, b, BAND[1]) - betainc(a, b, BAND[0])

    best = max(rungs, key=chance)
    dataset = [v for v in variants if len(v) == best][-MOST:]
    return dataset, interval(passed[best], len(rungs[best]))


def by_trying(solver: Solver, variants: list[Variant], budget: int):
    """Variants tried eight times each; those with a rate in the band are kept."""
    tries = 8
    rates = {}
    for variant in variants[: budget // tries]:
        rates[variant] = sum(solver.attempt(variant).passed for _ in range(tries)) / tries
    dataset = [variant for variant, rate in rates.items() if BAND[0] <= rate <= BAND[1]]
    passed = round(sum(rates[v] for v in dataset) * tries)
    return dataset, interval(passed, max(1, tries * len(dataset)))


RULES = {"calibrate.py": calibrated, "a rung": by_rung, "each 8 times": by_trying}
CASES = [("calibrate.py", world) for world in WORLDS]
CASES += [(rule, next(iter(WORLDS))) for rule in RULES if rule != "calibrate.py"]


def run(seed: int) -> pd.DataFrame:
    """All cases, on solvers of one seed."""
    results = []
    for rule, world in CASES:
        rng = np.random.default_rng(seed)
        variants = candidates(rng)
        solver = Solver(rng, *WORLDS[world])
        if in_band(np.array([solver.rate(variant) for variant in variants])).sum() < LEAST:
            continue
        for budget in BUDGETS:
            if rule != "calibrate.py":
                solver.attempts.clear()  # only ours goes on from those that were made
            dataset, (low, high) = RULES[rule](solver, variants, budget)
            truth = np.array([solver.rate(variant) for variant in dataset] or [np.nan])
            result = {
                "mean in band": BAND[0] <= truth.mean() <= BAND[1],
                "variants in band": in_band(truth).mean(),
                "interval holds": low <= truth.mean() <= high,
                "its width": high - low,
                "attempts": len(solver.attempts),
                "variants": len(dataset),
            }
            results.append({"rule": rule, "world": world, "at most": budget} | result)
    return pd.DataFrame(results)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--processes", type=int, default=1)
    options = parser.parse_args()
    with Pool(options.processes) as pool:
        results = pd.concat(track(pool.imap(run, range(options.runs)), "runs", options.runs))
    groups = results.groupby(["rule", "world", "at most"], sort=False)
    print(groups.mean().assign(runs=groups.size()).round(2).to_string())


if __name__ == "__main__":
    main()
