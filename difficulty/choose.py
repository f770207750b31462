"""What to run next, when to stop, and which variants make the dataset: from the attempts so far.

calibrate.py goes round this loop: plan, run the first of plan.next, plan again, until plan.settled or plan.hopeless.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from difficulty.find_rates import Attempt, Posterior, Variant, fit
from reference.architecture import departures
from variants.draw import draw_architecture

BAND = (0.1, 0.4)  # of pass rates that are worth training on
PILOT = 8  # attempts before the first choice
PILOT_SIZES = (1, 2, 4, 8)  # departures of its variants
MOST_DEPARTURES = 12
ROUND = 8  # attempts between two fits
SIZE = 10  # variants of a dataset
CERTAIN = 0.99  # least probability that the mean rate of the dataset is in the band
SHARE = 0.9  # least share of the variants that are expected in the band
HOPELESS = 0.02  # least probability that so many are in the band; below, the search ends
NEAR = 0.12  # what a rate may be off by (root mean square)


@dataclass(frozen=True)
class Plan:
    """What the attempts say to do."""

    posterior: Posterior
    dataset: list[Variant]  # the likeliest to be in the band
    rates: np.ndarray  # draws of the pass rate of the dataset, the mean of its variants
    settled: bool  # the dataset is good enough
    hopeless: bool  # too few of all variants are in the band
    next: list[Variant]  # not yet tried, best first: more than are needed, as a few have no row


def in_band(rates: np.ndarray, band: tuple[float, float] = BAND) -> np.ndarray:
    """Is each of these rates in the band?"""
    return (band[0] <= rates) & (rates <= band[1])


def candidates(random: np.random.Generator, count: int = 1000) -> list[Variant]:
    """The different variants among so many draws, with 1 to 12 departures, easy and hard ones evenly."""
    sizes = random.integers(1, MOST_DEPARTURES + 1, count)
    drawn = [departures(draw_architecture(random, int(size))) for size in sizes]
    return list(dict.fromkeys(map(frozenset, drawn)))


def plan(
    attempts: Sequence[Attempt], variants: Sequence[Variant], band: tuple[float, float] = BAND
) -> Plan:
    """variants: those that could be run."""
    tried = dict.fromkeys(attempt.departures for attempt in attempts)
    variants = list(dict.fromkeys([*tried, *variants]))
    posterior = fit(attempts)
    rates = posterior.pass_rates(variants)
    inside = in_band(rates, band)
    chances = inside.mean(0)
    off = abs(rates.mean(0) - np.mean(band))  # decides where no chance does
    ranking = np.lexsort((off, -chances))

    chosen = ranking[:SIZE]
    mean_rates = rates[:, chosen].mean(1)
    sure = in_band(mean_rates, band).mean() >= CERTAIN and chances[chosen].mean() >= SHARE
    enough = inside.sum(1) >= SIZE

    following = [variants[n] for n in ranking if variants[n] not in tried]
    if len(attempts) < PILOT:  # one of each rung in turn, and then the others
        rungs = [[one for one in following if len(one) == size] for size in PILOT_SIZES]
        ladder = [variant for rung in zip(*rungs) for variant in rung]
        following = list(dict.fromkeys([*ladder, *following]))
    return Plan(
        posterior,
        dataset=[variants[n] for n in chosen],
        rates=mean_rates,
        settled=bool(sure and (chances[chosen] > 0.5).all()),
        hopeless=bool(len(attempts) >= PILOT and enough.mean() < HOPELESS),
        next=following,
    )


def near(posterior: Posterior, variants: Sequence[Variant], rate: float) -> list[Variant]:
    """Those whose pass rate is likely near this one, the nearest first. Their expected rate is near it, too: rates that
    are known well would else be preferred, and those are the low ones."""
    rates = posterior.pass_rates(variants)
    off = np.sqrt(((rates - rate) ** 2).mean(0))
    fits = (off <= NEAR) & (abs(rates.mean(0) - rate) <= NEAR / 2)
    return [variants[n] for n in np.argsort(off, kind="stable") if fits[n]]
