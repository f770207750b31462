"""How often a model finds each departure, learnt from its attempts; hence how often it passes any variant, run or not.

In an attempt at a variant with departures D, each i in D is known with probability

    p_i(t) = sigmoid(ability + ease_i + t),    t ~ N(0, luck), the same for all departures of the attempt

and with probability `care` nothing else goes wrong. An attempt passes if all of D are known and nothing else is wrong:

    pass rate of D = care * E_t[product of p_i(t) over D]

This is the Rasch model of item response theory (Rasch 1960), with departures as items and a random effect of the
attempt. The ease of a choice is what its rarity lets expect, plus a spread: ease_i = slope * rarity_i + spread * z_i.

An attempt that fails shows i with probability q_i = p_i (1 - s_i), as a mistake can hide what is known. What shows after
position 0 only (late_i = 1) is hidden more often: s_i(t) = sigmoid(s_0 + s_1 t / luck + s_2 late_i). Given t, an attempt
contributes
    product of p_i over D, times care, if it passes;
    A - care * B, if it fails: what is told, less the share of it where all was known and nothing else was wrong.
A is the product of what the diagnosis tells of the departures; in B all of them were known:
                                                                      in A                      in B
    found                                                             q_i                       q_i
    missed                                                            1 - q_i                   p_i s_i
    a list, of which at least one is missed                           1 - product of q_i        product of p_i - of q_i
    not told, if nothing is told of the attempt                       1                         p_i
    not told, else                                                    1 - f q_i - m (1 - q_i)   p_i (1 - f (1 - s_i) - m s_i)
An attempt that tells some but not all tells a find with probability f, and a miss or a list with probability m.
docs/difficulty.md says what goes wrong without s, f and m.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.polynomial.hermite_e import hermegauss
from scipy.special import expit, log_expit

from difficulty.sampling import posterior_draws
from identification.search import SCORES, VALUES
from reference.architecture import RARITY

HOW_COMMON = {"common": 1.0, "uncommon": 0.0, "rare": -1.0}
"""What `slope` multiplies."""
PRIOR = np.array(
    [
        (0.0, 2.0),  # ability
        (0.5, 0.8),  # slope
        (0.0, 0.5),  # log of spread
        (0.0, 0.8),  # luck, of either sign
        (1.8, 1.0),  # logit of care
        (2.2, 0.5),  # logit of f: of tests/unfinished, 64 of 73 finds are told
        (0.0, 1.2),  # logit of m: 8 of their 38 misses are, but most of random ports
        (-1.0, 1.5),  # s_0
        (0.0, 1.5),  # s_1, of either sign
        (1.0, 1.5),  # s_2
    ]
)
"""Mean and standard deviation of each parameter, a priori normal on the real line. z_i: 0, 1."""
LATE = frozenset[str]().union(*SCORES).difference(*VALUES)
"""The choices that change nothing at position 0, where (but for sinks) the query sees one key and nothing turns."""
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
        missed = departures & {*told.get("missed", ()), *told.get("other_value", ())}
        found = departures & {*told.get("found", ())} - missed
        lists = [departures & {*names} - found for names in told.get("one_of", ())]
        # A list with a departure that is known to be missed says nothing more.
        open_lists = tuple(names for names in lists if names and not names & missed)
        return cls(departures, False, found, missed, open_lists)


class Posterior:
    """Draws of the parameters, and the rates that follow. white: (draws, 10 + choices), standard normal a priori."""

    def __init__(self, white: np.ndarray, rarity: Mapping[str, str], late: Collection[str] = LATE):
        self.names = tuple(rarity)
        means, deviations = PRIOR.T
        general = (means + deviations * white[:, : len(PRIOR)]).T[..., None]
        ability, slope, spread, luck, *chances, s_0, s_1, s_2 = general
        self.care, self.tells_find, self.tells_miss = expit(chances)
        hides = (s_0 + s_1 * NODES)[..., None] + s_2[..., None] * indicators([late], self.names)
        self.hides = expit(hides)  # (draws, nodes, choices)
        rarities = np.array([HOW_COMMON[kind] for kind in rarity.values()])
        ease = slope * rarities + np.exp(spread) * white[:, len(PRIOR) :]
        self.logits = (ability + ease)[:, None] + (luck * NODES)[..., None]
        """Of knowing each choice, at the nodes of t: (draws, nodes, choices)."""

    def pass_rates(self, variants: Sequence[Collection[str]]) -> np.ndarray:
        """(draws, variants). A variant is the set of its departures."""
        all_found = np.exp(log_expit(self.logits) @ indicators(variants, self.names).T)
        return self.care * np.einsum("n,snv->sv", WEIGHTS, all_found)

    def find_rates(self) -> dict[str, np.ndarray]:
        """Name -> draws of how often an attempt knows it: (draws,)."""
        return dict(zip(self.names, np.einsum("n,snc->cs", WEIGHTS, expit(self.logits))))


class Evidence:
    """Attempts as indicators of choices: (attempts, choices)."""

    def __init__(self, attempts: Sequence[Attempt], names: Sequence[str]):
        rest = [one.departures.difference(one.found, one.missed, *one.one_of) for one in attempts]
        self.passed = np.array([one.passed for one in attempts], bool)
        self.found = indicators([one.found for one in attempts], names)
        self.missed = indicators([one.missed for one in attempts], names)
        self.lists = indicators([listed for one in attempts for listed in one.one_of], names)
        self.owner = np.repeat(np.eye(len(attempts)), [len(one.one_of) for one in attempts], axis=0)
        finds, misses = self.found.sum(1), self.missed.sum(1) + self.owner.sum(0)
        self.untold = indicators(rest, names) * (finds + misses > 0)[:, None]
        self.silent = indicators(rest, names) - self.untold  # nothing is told of the attempt
        in_part = self.untold.any(1) | self.owner.any(0)
        self.finds_told, self.misses_told = finds * in_part, misses * in_part

    def log_likelihood(self, model: Posterior) -> np.ndarray:
        """Of each draw and attempt: (draws, attempts)."""
        f, m, s = model.tells_find[..., None], model.tells_miss[..., None], model.hides
        log_p = -np.log1p(np.exp(-model.logits))  # log_expit takes ten times as long
        log_q = log_p + np.log1p(-s)  # all with the shape (draws, nodes, choices)
        q, found = np.exp(log_q), log_q @ self.found.T
        all_known, all_found = log_p @ self.lists.T, log_q @ self.lists.T
        log_a = found + np.log1p(-q) @ self.missed.T
        log_a += np.log1p(-f * q - m * (1 - q)) @ self.untold.T
        log_a += log_not(all_found) @ self.owner
        log_b = found + (log_p + np.log(s)) @ self.missed.T + log_p @ self.silent.T
        log_b += (log_p + np.log(1 - f * (1 - s) - m * s)) @ self.untold.T
        log_b += (all_known + log_not(all_found - all_known)) @ self.owner
        care = np.log(model.care)[..., None]
        passes, fails = care + log_p @ self.found.T, log_a + log_not(care + log_b - log_a)
        expected = np.einsum("n,sna->sa", WEIGHTS, np.exp(np.where(self.passed, passes, fails)))
        told = np.log(model.tells_find) * self.finds_told
        told += np.log(model.tells_miss) * self.misses_told
        return told + np.log(expected + 1e-300)


def log_not(log_chance: np.ndarray) -> np.ndarray:
    """Logarithm of 1 - chance, finite where the chance is 1."""
    return np.log1p(-np.exp(np.minimum(log_chance, -1e-9)))


def indicators(sets: Sequence[Collection[str]], names: Sequence[str]) -> np.ndarray:
    """(sets, names): 1 where the set has the name."""
    rows = [np.isin(names, list(one)) for one in sets]
    return np.array(rows, float).reshape(-1, len(names))


def fit(attempts: Sequence[Attempt], rarity: Mapping[str, str] = RARITY) -> Posterior:
    """What the attempts say. rarity: of every choice of the catalogue."""
    times = Counter(attempts)  # many attempts at one row tell the same
    evidence, often = Evidence([*times], tuple(rarity)), np.array([*times.values()], float)
    white = posterior_draws(
        lambda white: evidence.log_likelihood(Posterior(white, rarity)) @ often,
        len(PRIOR) + len(rarity),
        np.random.default_rng(0),
    )
    return Posterior(white, rarity)
