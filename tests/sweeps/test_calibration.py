"""Calibration finds a dataset in the band, and its intervals hold: the loop of calibrate.py, on simulated solvers.

pytest tests/sweeps/test_calibration.py --sweep --count 40 -s      # solvers in each kind of world

A solver finds choice i with probability sigmoid(a + b_i + t). Its mean find rate is uniform in .15 to .93, the standard
deviation of b_i in .5 to 2, that of t in 0 to 1.2, and the probability that nothing else goes wrong in .7 to 1. What
is wrong in a failed attempt hides each of the others with a probability that differs between attempts, from 0 to .7.
What shows after position 0 only is hidden also by a probability that differs between solvers, from 0 to .9.
Of failed attempts 60% tell all; 20% tell half of it, and of two departures only whether one of them is missed; 20% tell
nothing. Only solvers count for which at least ten of the variants that can be drawn are in the band.
"""

from itertools import chain

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import expit
from scipy.stats import binomtest, zscore

from difficulty import find_rates
from difficulty.choose import ROUND, SIZE, Variant, candidates, in_band, plan
from reference.architecture import RARITY
from scorers.pass_rate import interval
from tests.sweeps.conftest import in_parallel

NAMES = sorted(RARITY)
COMMON = zscore([find_rates.HOW_COMMON[RARITY[name]] for name in NAMES])
LUCK = np.random.default_rng(0).normal(size=(2000, 1))
RUNGS, TRIES = (1, 2, 4, 6, 8), 8


class Solver:
    """One that is known exactly. correlation: of b_i and rarity. untold: the share of misses that are not told."""

    def __init__(self, random: np.random.Generator, correlation: float, untold: float):
        mean, spread = random.uniform(0.15, 0.93), random.uniform(0.5, 2)
        self.luck, self.care = random.uniform(0, 1.2), random.uniform(0.7, 1)
        self.hides_late = random.uniform(0, 0.9)
        self.random, self.untold, self.attempts = random, untold, list[find_rates.Attempt]()
        own = np.sqrt(1 - correlation**2) * random.normal(size=len(NAMES))
        ease = spread * (correlation * COMMON + own)
        ability = brentq(lambda a: expit(a + ease + self.luck * LUCK).mean() - mean, -20, 20)
        self.logits = pd.Series(ability + ease, NAMES)

    def finds(self, variant: Variant, luck: np.ndarray | float) -> np.ndarray:
        return expit(self.logits[sorted(variant)].to_numpy() + self.luck * luck)

    def rate(self, variant: Variant) -> float:
        return float(self.care * self.finds(variant, LUCK).prod(1).mean())

    def some(self, variant: Variant, chances: np.ndarray | float) -> Variant:
        drawn = self.random.random(len(variant)) < chances
        return frozenset(np.array(sorted(variant))[drawn].tolist())

    def attempt(self, variant: Variant) -> find_rates.Attempt:
        found = self.some(variant, self.finds(variant, self.random.normal()))
        if found == variant and self.random.random() < self.care:
            return find_rates.Attempt(variant, True, variant)
        found = self.some(found, 1 - self.random.uniform(0, 0.7))
        found -= self.some(found & find_rates.LATE, self.hides_late)
        missed = self.some(variant - found, 1 - self.untold)
        share = self.random.choice([1, 0.5, 0], p=[0.6, 0.2, 0.2])
        two = frozenset(
            sorted(sorted(variant), key=lambda name: self.random.random())[: 2 * (share == 0.5)]
        )
        known = self.some(variant - two, share)
        lists = (two,) if two - found else ()
        return find_rates.Attempt(variant, False, found & known, missed & known, lists)


def calibrated(solver: Solver, variants: list[Variant], budget: int):
    """The loop of calibrate.py, which goes on where it was: dataset and the interval of its rate."""
    now = plan(solver.attempts, variants)
    while (left := budget - len(solver.attempts)) > 0 and not (now.settled or now.hopeless):
        solver.attempts += [solver.attempt(variant) for variant in now.next[: min(ROUND, left)]]
        now = plan(solver.attempts, variants)
    return now.dataset, np.quantile(now.rates, (0.025, 0.975))


def by_rung(solver: Solver, variants: list[Variant], budget: int):
    """The number of departures whose pass rate is nearest to the middle of the band."""
    tries = budget // len(RUNGS)
    rungs = {size: [variant for variant in variants if len(variant) == size] for size in RUNGS}
    passed = {n: sum(solver.attempt(v).passed for v in rungs[n][:tries]) for n in RUNGS}
    best = min(RUNGS, key=lambda size: abs(passed[size] / tries - 0.25))
    return rungs[best][-SIZE:], interval(passed[best], tries)


def by_trying(solver: Solver, variants: list[Variant], budget: int):
    """Variants tried eight times each; those with a rate in the band are kept."""
    tried = variants[: budget // TRIES]
    passed = {v: sum(solver.attempt(v).passed for _ in range(TRIES)) for v in tried}
    kept = [variant for variant in tried if in_band(np.array(passed[variant] / TRIES))]
    return kept, interval(sum(passed[v] for v in kept), max(1, len(kept) * TRIES))


CASES = {  # the rule; the correlation of b_i and rarity; the share of misses that are not told
    "calibrate.py, correlation 0.5": (calibrated, 0.5, 0),
    "calibrate.py, correlation 0": (calibrated, 0, 0),
    "calibrate.py, correlation -0.5": (calibrated, -0.5, 0),
    "calibrate.py, half of the misses untold": (calibrated, 0.5, 0.5),
    "a rung by its rate": (by_rung, 0.5, 0),
    "each variant tried 8 times": (by_trying, 0.5, 0),
}


def calibrate(job: tuple[str, int]) -> list[dict]:
    """One case with the solver of one seed; nothing if no dataset exists for it."""
    case, seed = job
    rule, correlation, untold = CASES[case]
    random = np.random.default_rng([[*CASES].index(case), seed])
    variants = candidates(random)
    solver = Solver(random, correlation, untold)
    if sum(in_band(np.array([solver.rate(variant) for variant in variants]))) < SIZE:
        return []
    results = []
    for budget in (20, 40, 80):
        dataset, (low, high) = rule(solver, variants, budget)
        rates = np.array([solver.rate(variant) for variant in dataset] or [np.nan])
        results.append(
            {
                "case": case,
                "at most": budget,
                "attempts": len(solver.attempts) or budget,
                "mean in band": in_band(rates.mean()),
                "variants in band": in_band(rates).mean(),
                "interval holds": low <= rates.mean() <= high,
                "its width": high - low,
            }
        )
    return results


def test_calibration_finds_the_band_and_its_intervals_hold(of_each):
    jobs = [(case, seed) for seed in range(of_each) for case in CASES]
    results = pd.DataFrame(chain.from_iterable(in_parallel(calibrate, jobs)))
    groups = results.groupby(["case", "at most"])
    table = groups.mean().assign(runs=groups.size()).loc[[*CASES]]
    print(table.round(2).to_string())
    ours = results[results["case"].str.startswith("calibrate.py") & (results["at most"] == 80)]
    for measure, least in (
        ("mean in band", 0.97),
        ("variants in band", 0.8),
        ("interval holds", 0.93),
    ):
        assert ours[measure].mean() >= least, measure
        for case, group in ours.groupby("case"):  # so few runs that each may be a little less
            hits = binomtest(round(group[measure].sum()), len(group), least, alternative="less")
            assert hits.pvalue > 0.01, (case, measure)
    others = results[~results["case"].isin(ours["case"]) & (results["at most"] == 80)]
    assert others["mean in band"].mean() < ours["mean in band"].mean()
