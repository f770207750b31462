"""Does calibration find a dataset in the band? Simulated solvers of known find rates, and the loop of calibrate.py.

    python benchmarks/difficulty.py --runs 200

A solver finds choice i with probability sigmoid(a + b_i + t). Its mean find rate is uniform in .15 to .93, the standard
deviation of b_i in .5 to 2, that of t in 0 to 1.2, and the probability that nothing else goes wrong in .7 to 1. The
correlation of b_i and rarity is .5, or 0, or -.5. Of attempts that fail 20% tell nothing, 20% that one of two
departures is missed, the others all. Only runs count in which at least ten of the variants are in the band.
"""

import argparse
import sys
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
PRIORS = {"says half of it": 0.5, "says nothing": 0.0, "turned round": -0.5}  # correlations
BUDGETS = (20, 40, 80)
LUCK = np.random.default_rng(0).normal(size=2000)


class Solver:
    """One that is known exactly."""

    def __init__(self, rng: np.random.Generator, correlation: float):
        mean, spread = rng.uniform(0.15, 0.93), rng.uniform(0.5, 2)
        self.rng, self.luck, self.care = rng, rng.uniform(0, 1.2), rng.uniform(0.7, 1)
        own = np.sqrt(1 - correlation**2) * rng.normal(size=len(NAMES))
        ease = spread * (correlation * COMMON + own)
        self.attempts: list[Attempt] = []
        self.logits = ease + brentq(lambda a: self.finds(a + ease).mean() - mean, -20, 20)

    def finds(self, logits: np.ndarray) -> np.ndarray:
        """Of choices with these logits, in attempts of all kinds of luck: (attempts, choices)."""
        return expit(logits + self.luck * LUCK[:, None])

    def rate(self, variant: Variant) -> float:
        logits = self.logits[[NAMES.index(name) for name in variant]]
        return self.care * self.finds(logits).prod(1).mean()

    def attempt(self, variant: Variant) -> Attempt:
        """One more, which is kept."""
        self.attempts.append(self.one(variant))
        return self.attempts[-1]

    def one(self, variant: Variant) -> Attempt:
        names, luck = sorted(variant), self.luck * self.rng.normal()
        chances = expit(self.logits[[NAMES.index(name) for name in names]] + luck)
        found = frozenset(np.array(names)[self.rng.random(len(names)) < chances].tolist())
        missed = variant - found
        if not missed and self.rng.random() < self.care:
            return Attempt(variant, True, variant)
        told = self.rng.random()
        if told < 0.2:
            return Attempt(variant, False)
        if told < 0.4 and missed:
            two = frozenset([self.rng.choice(sorted(missed)), self.rng.choice(names)])
            return Attempt(variant, False, found - two, one_of=(two,))
        return Attempt(variant, False, found, missed)


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


RULES = {
    "calibrate.py": calibrated,
    "a rung by its rate": by_rung,
    "each variant 8 times": by_trying,
}


def run(seed: int) -> list[dict]:
    """Every prior, rule and budget, on solvers of one seed."""
    results = []
    for rarity, correlation in PRIORS.items():
        rng = np.random.default_rng(seed)
        variants = candidates(rng)
        state = rng.bit_generator.state
        for rule, choose in RULES.items():
            rng.bit_generator.state = state  # the same solver
            solver = Solver(rng, correlation)
            if in_band(np.array([solver.rate(v) for v in variants])).sum() < LEAST:
                break
            for budget in BUDGETS:
                if rule != "calibrate.py":
                    solver.attempts.clear()  # it does not go on: all attempts are anew
                dataset, (low, high) = choose(solver, variants, budget)
                truth = np.array([solver.rate(variant) for variant in dataset] or [np.nan])
                mean = truth.mean()
                results.append(
                    {
                        "rule": rule,
                        "rarity": rarity,
                        "at most": budget,
                        "attempts": len(solver.attempts),
                        "mean in band": BAND[0] <= mean <= BAND[1],
                        "variants in band": in_band(truth).mean(),
                        "interval holds it": low <= mean <= high,
                        "width": high - low,
                        "variants": len(dataset),
                    }
                )
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--processes", type=int, default=1)
    options = parser.parse_args()
    with Pool(options.processes) as pool:
        jobs = pool.imap(run, range(options.runs))
        results = pd.concat(map(pd.DataFrame, track(jobs, "runs", options.runs)))
    table = results.groupby(["rule", "rarity", "at most"], sort=False).mean()
    table.insert(0, "runs", results.groupby(["rule", "rarity", "at most"], sort=False).size())
    print(table.round(2).to_string())


if __name__ == "__main__":
    main()
