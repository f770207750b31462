"""How often a model finds each departure, learnt from its attempts; hence how often it passes any variant, run or not.

In an attempt at a variant with departures D, each i in D is found with probability

    p_i(t) = sigmoid(ability + ease_i + t),    t ~ N(0, luck), the same for all departures of the attempt

and with probability `care` nothing else goes wrong. An attempt passes if all of D are found and nothing else is wrong:

    pass rate of D = care * E_t[product of p_i(t) over D]

This is the Rasch model of item response theory (Rasch 1960), with departures as items and a random effect of the
attempt. The ease of a choice is what its rarity lets expect, plus a spread: ease_i = slope * rarity_i + spread * z_i.

Given t, an attempt contributes, by what the diagnosis tells of its departures,
    p_i for each one found, 1 - p_i for each one missed (an attempt that passes has found all),
    1 - product of p_i for each list of which at least one is missed,
    if no miss is told and it failed, 1 - care * product of p_i over the rest: those that are not told of.
If it tells some but not all, it sees a find with probability f, and a miss or a list with probability m. These are
learnt too: else rates would be wrong where one is seen more easily than the other. The attempt then contributes also
    f for each find, m for each miss and each list, u_i = 1 - f p_i - m (1 - p_i) for each of the rest;
and in the product over the rest, p_i becomes (1 - f) p_i / u_i.

Every parameter has a normal prior, after a transformation to the real line.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.polynomial.hermite_e import hermegauss
from scipy.special import expit, log_expit

from difficulty.sampling import posterior_draws

RARITY: Final = {"common": 1.0, "uncommon": 0.0, "rare": -1.0}
"""What `slope` multiplies."""
PRIOR: Final = np.array(
    [(0.0, 2.0), (0.5, 0.8), (0.0, 0.5), (0.0, 0.8), (1.8, 1.0), (0.5, 1.5), (0.5, 1.5)]
)
"""Mean and standard deviation of ability, slope, log spread, luck (of either sign), logits of care, f, m. z_i: 0, 1."""
NODES, WEIGHTS = hermegauss(5)  # E_t[f(t)] = sum of WEIGHTS * f(luck * NODES), Gauss-Hermite
WEIGHTS = WEIGHTS / WEIGHTS.sum()

Variant = frozenset[str]
"""The departures of a variant."""


@dataclass(frozen=True)
class Attempt:
    """What one attempt at a variant told of its departures."""

    departures: Variant
    passed: bool
    found: Variant = frozenset()
    missed: Variant = frozenset()
    one_of: tuple[Variant, ...] = ()
    """At least one of each is missed."""

    @classmethod
    def from_log(cls, row: Mapping[str, Any], passed: bool, told: Mapping[str, Any]) -> "Attempt":
        """row: metadata of the sample; told: metadata of its score. Another value counts as not found."""
        departures = frozenset(row["architecture"]) - {"heads"}
        if passed:
            return cls(departures, True, departures)
        missed = departures & {*(told.get("missed") or ()), *(told.get("other_value") or ())}
        found = (departures & {*(told.get("found") or ())}) - missed
        lists = [departures & {*names} for names in told.get("one_of") or ()]
        # A list with a departure that is known to be missed says nothing more.
        open_lists = tuple(names - found for names in lists if names - found and not names & missed)
        return cls(departures, False, found, missed, open_lists)


class Posterior:
    """Draws of the parameters, and the rates that follow. white: (draws, 7 + choices), standard normal a priori."""

    def __init__(self, white: np.ndarray, rarity: Mapping[str, str]):
        self.names = tuple(rarity)
        means, deviations = PRIOR.T
        general = (means + deviations * white[:, : len(PRIOR)]).T[..., None]
        ability, slope, spread, luck = general[:4]
        # Never 0 or 1, so that logarithms are finite.
        self.care, self.sees_find, self.sees_miss = expit(np.clip(general[4:], -30, 30))
        rarities = np.array([RARITY[kind] for kind in rarity.values()])
        ease = slope * rarities + np.exp(spread) * white[:, len(PRIOR) :]
        self.logits = (ability + ease)[:, None] + (luck * NODES)[..., None]
        """Of finding each choice, at the nodes of t: (draws, nodes, choices)."""

    def pass_rates(self, variants: Sequence[Collection[str]]) -> np.ndarray:
        """(draws, variants). A variant is the set of its departures."""
        all_found = np.exp(log_expit(self.logits) @ indicators(variants, self.names).T)
        return self.care * np.einsum("n,snv->sv", WEIGHTS, all_found)

    def find_rates(self) -> dict[str, np.ndarray]:
        """Name -> draws of how often an attempt finds it: (draws,)."""
        return dict(zip(self.names, np.einsum("n,snc->cs", WEIGHTS, expit(self.logits))))


class Evidence:
    """Attempts as indicators of choices: (attempts, choices)."""

    def __init__(self, attempts: Sequence[Attempt], names: Sequence[str]):
        rest = [one.departures.difference(one.found, one.missed, *one.one_of) for one in attempts]
        tells = np.array([left != one.departures for left, one in zip(rest, attempts)], bool)
        misses = np.array([len(one.missed) + len(one.one_of) for one in attempts])
        self.passed = np.array([one.passed for one in attempts], bool)
        self.found = indicators([one.found for one in attempts], names)
        self.missed = indicators([one.missed for one in attempts], names)
        self.rest = indicators(rest, names)
        self.untold = self.rest * tells[:, None]
        # failed attempts of which no miss is told
        self.no_miss = np.flatnonzero(~self.passed & (misses == 0))
        self.lists = indicators([listed for one in attempts for listed in one.one_of], names)
        self.owner = np.repeat(np.eye(len(attempts)), [len(one.one_of) for one in attempts], axis=0)
        in_part = self.untold.any(1) | self.owner.any(0)
        self.finds_seen, self.misses_seen = self.found.sum(1) * in_part, misses * in_part

    def log_likelihood(self, model: Posterior) -> np.ndarray:
        """Of each draw and attempt: (draws, attempts)."""
        f, m = model.sees_find[..., None], model.sees_miss[..., None]
        missed = -np.log1p(np.exp(model.logits))  # log_expit takes ten times as long
        found = missed + model.logits  # all with the shape (draws, nodes, choices)
        untold = np.log1p(-f * np.exp(found) - m * np.exp(missed))
        told = found @ self.found.T + missed @ self.missed.T + untold @ self.untold.T
        told += log_not(found @ self.lists.T) @ self.owner
        rest = found @ self.rest[self.no_miss].T
        rest += (np.log1p(-f) - untold) @ self.untold[self.no_miss].T
        told[..., self.no_miss] += log_not(np.log(model.care)[..., None] + rest)
        expected = np.einsum("n,sna->sa", WEIGHTS, np.exp(told))
        seen = self.finds_seen * np.log(model.sees_find) + self.misses_seen * np.log(
            model.sees_miss
        )
        return np.where(self.passed, np.log(model.care), seen) + np.log(expected + 1e-300)


def log_not(log_chance: np.ndarray) -> np.ndarray:
    """Logarithm of 1 - chance, finite where the chance is 1."""
    return np.log1p(-np.exp(np.minimum(log_chance, -1e-9)))


def indicators(sets: Sequence[Collection[str]], names: Sequence[str]) -> np.ndarray:
    """(sets, names): 1 where the set has the name."""
    rows = [np.isin(names, list(one)) for one in sets]
    return np.array(rows, float).reshape(-1, len(names))


def fit(attempts: Sequence[Attempt], rarity: Mapping[str, str], seed: int = 0) -> Posterior:
    """What the attempts say. rarity: of every choice of the catalogue."""
    times = Counter(attempts)  # many attempts at one row tell the same
    evidence, often = Evidence([*times], tuple(rarity)), np.array([*times.values()], float)
    white = posterior_draws(
        lambda white: evidence.log_likelihood(Posterior(white, rarity)) @ often,
        len(PRIOR) + len(rarity),
        np.random.default_rng(seed),
    )
    return Posterior(white, rarity)
