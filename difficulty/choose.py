"""What to run next, when to stop, and which variants make the dataset: from the attempts so far.

calibrate.py and benchmarks/difficulty.py go round the same loop: plan, run the first of plan.next, plan again, until
plan.settled. A variant is known here by the set of its departures.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from difficulty.band import BAND
from difficulty.find_rates import Attempt, Posterior, Variant, fit
from reference.architecture import RARITY, departures
from variants.draw import draw_architecture

PILOT: Final = 8  # attempts on the ladder
LADDER: Final = (1, 2, 4, 8)  # its departures
MOST_DEPARTURES: Final = 12
ROUND: Final = 8  # attempts between two fits
LEAST, MOST = 10, 20  # variants of a dataset
CERTAIN: Final = 0.97  # least probability that the mean rate of the dataset is in the band
SHARE: Final = 0.8  # least share of the variants that are expected in the band
HOPELESS: Final = (
    0.02  # probability that enough variants are in the band, below which the search ends
)
NEAR: Final = 0.12  # what a rate may be off by (root mean square)


@dataclass(frozen=True)
class Plan:
    """What the attempts say to do."""

    posterior: Posterior
    dataset: list[Variant]
    """Those that are likelier in the band than out, the likeliest first; if too few are, the likeliest LEAST."""
    rates: np.ndarray
    """Draws of the pass rate of the dataset, the mean of its variants."""
    settled: bool
    """The dataset is good enough."""
    hopeless: bool
    """Too few of all variants are in the band."""
    next: list[Variant]
    """What to run next, best first: not yet tried. More than are needed, as some may not be certified."""


def in_band(rates: np.ndarray, band: tuple[float, float] = BAND) -> np.ndarray:
    """Is each of these rates in the band?"""
    return (band[0] <= rates) & (rates <= band[1])


def candidates(random: np.random.Generator, count: int = 400) -> list[Variant]:
    """Variants as they are drawn, with 1 to 12 departures, easy and hard ones evenly."""
    sizes = random.integers(1, MOST_DEPARTURES + 1, count)
    drawn = [departures(draw_architecture(random, int(size))) for size in sizes]
    return list(dict.fromkeys(map(frozenset, drawn)))


def plan(
    attempts: Sequence[Attempt],
    variants: Sequence[Variant],
    band: tuple[float, float] = BAND,
) -> Plan:
    """variants: those that could be run."""
    tried = dict.fromkeys(attempt.departures for attempt in attempts)
    variants = list(dict.fromkeys([*tried, *variants]))
    posterior = fit(attempts, RARITY)
    rates = posterior.pass_rates(variants)
    inside = in_band(rates, band)
    chances = inside.mean(0)

    off = abs(rates.mean(0) - np.mean(band))  # decides where no chance does
    ranking = np.lexsort((off, -chances))
    likeliest = ranking[:MOST]
    likely = likeliest[chances[likeliest] > 0.5]
    chosen = likely if len(likely) >= LEAST else likeliest[:LEAST]
    mean_rates = rates[:, chosen].mean(1)
    sure = in_band(mean_rates, band).mean() >= CERTAIN and chances[chosen].mean() >= SHARE
    settled = len(likely) >= LEAST and sure
    hopeless = len(attempts) >= PILOT and (inside.sum(1) >= LEAST).mean() < HOPELESS

    new = [n for n, variant in enumerate(variants) if variant not in tried]
    order = on_the_ladder(new, variants) if len(attempts) < PILOT else thompson(new, inside)
    left = set(new).difference(order)
    order += [int(n) for n in ranking if n in left]  # so that there is always one to run
    following = [variants[n] for n in order]
    dataset = [variants[n] for n in chosen]
    return Plan(posterior, dataset, mean_rates, bool(settled), bool(hopeless), following)


def on_the_ladder(new: Sequence[int], variants: Sequence[Variant]) -> list[int]:
    """Easy, less easy, ... and again."""
    rungs = [[n for n in new if len(variants[n]) == size] for size in LADDER]
    return [n for rung in zip(*rungs) for n in rung]


def thompson(new: Sequence[int], inside: np.ndarray) -> list[int]:
    """For each draw from the posterior one variant, any that would be in the band if the draw were true (Thompson
    sampling). Taking the likeliest instead would find those that luck favours. inside: (draws, variants)."""
    rng, order, left = np.random.default_rng(len(new)), [], set(new)
    for draw in rng.permutation(inside):
        if options := sorted(left.intersection(np.flatnonzero(draw))):
            order.append(int(rng.choice(options)))
            left.remove(order[-1])
    return order


def near(posterior: Posterior, variants: Sequence[Variant], rate: float) -> list[Variant]:
    """Those whose pass rate is likely near this one, the nearest first. Their expected rate is near it, too: rates that
    are known well would else be preferred, and those are the low ones."""
    rates = posterior.pass_rates(variants)
    off = np.sqrt(((rates - rate) ** 2).mean(0))
    fits = (off <= NEAR) & (abs(rates.mean(0) - rate) <= NEAR / 2)
    return [variants[n] for n in np.argsort(off, kind="stable") if fits[n]]
