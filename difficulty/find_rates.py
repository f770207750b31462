"""How often a model finds each departure, learnt from its attempts; hence how often it passes any variant, run or not.

In an attempt at a variant with departures D, each i in D is found with probability

    p_i(t) = sigmoid(ability + ease_i + t),    t ~ N(0, luck), the same for all departures of the attempt

and with probability `care` nothing else goes wrong. An attempt passes if all of D are found and nothing else is wrong:

    pass rate of D = care * E_t[product of p_i(t) over D]

This is the Rasch model of item response theory (Rasch 1960), with departures as items and a random effect of the
attempt. The ease of a choice is what its rarity lets expect, plus a spread: ease_i = slope * rarity_i + spread * z_i.

An attempt that passes tells that all were found. One that fails may tell nothing: 1 - pass rate of D. Or the diagnosis
tells of some departures. It sees a find with probability f and a miss with probability m, which are learnt too: else
rates would be wrong where one is seen more easily than the other. Given t, such an attempt contributes
    f p_i for each departure seen to be found, m (1 - p_i) for each one seen to be missed,
    1 - product of p_i for each list of departures of which at least one is missed,
    u_i = (1 - f) p_i + (1 - m) (1 - p_i) for each one that is not told of;
and if no miss is seen: 1 - care * product of (1 - f) p_i / u_i over those that are not told of, as it did not pass.

Every parameter has a normal prior, after a transformation to the real line; difficulty/sampling.py draws from the
posterior.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.polynomial.hermite_e import hermegauss
from scipy.special import expit

from difficulty.sampling import posterior_draws

RARITY: Final = {"common": 1.0, "uncommon": 0.0, "rare": -1.0}
"""What `slope` multiplies."""
PRIOR: Final = np.array(
    [(0.0, 1.5), (0.7, 0.7), (0.1, 0.5), (-0.7, 0.7), (2.2, 1.0), (1.5, 1.5), (1.5, 1.5)]
).T
"""Mean and standard deviation of ability, slope, log spread, log luck; logits of care, f, m. z_i: 0 and 1."""
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


class Parameters:
    """Draws of the model from white (S, 7 + choices): ease (S, choices), all others (S, 1)."""

    def __init__(self, white: np.ndarray, rarity: np.ndarray):
        means, deviations = PRIOR
        few = len(means)
        general = (means + deviations * white[:, :few]).T[..., None]
        self.ability, slope, spread, luck, *logits = general
        self.care, self.sees_find, self.sees_miss = map(probability, logits)
        self.luck = np.exp(luck)
        self.ease = slope * rarity + np.exp(spread) * white[:, few:]

    def chances(self) -> np.ndarray:
        """p_i(t) at the nodes of t: (S, nodes, choices)."""
        return probability((self.ability + self.ease)[:, None] + (self.luck * NODES)[..., None])


def probability(logits: np.ndarray) -> np.ndarray:
    """Never 0 or 1, so that its logarithms are finite."""
    return expit(np.clip(logits, -30, 30))


class Evidence:
    """Attempts as indicators (attempts, choices), and the lists of which one is missed (lists, choices)."""

    def __init__(self, attempts: Sequence[Attempt], names: Sequence[str]):
        lists: list[tuple[int, Variant, bool, bool]] = []
        untold = []
        for number, attempt in enumerate(attempts):
            tells = bool(attempt.found or attempt.missed or attempt.one_of)
            rest = attempt.departures.difference(attempt.found, attempt.missed, *attempt.one_of)
            untold.append(rest if tells else frozenset())
            lists += [(number, names_of_list, False, False) for names_of_list in attempt.one_of]
            if not (attempt.passed or attempt.missed or attempt.one_of):
                lists.append((number, rest, True, tells))
        self.found = indicators([attempt.found for attempt in attempts], names)
        self.missed = indicators([attempt.missed for attempt in attempts], names)
        self.untold = indicators(untold, names)
        self.passed = np.array([attempt.passed for attempt in attempts], bool)
        self.lists = indicators([names_of_list for _, names_of_list, _, _ in lists], names)
        self.unexplained = np.array([unexplained for _, _, unexplained, _ in lists], bool)
        self.seen = np.array([tells for *_, tells in lists], bool)[:, None] * self.lists
        self.owner = np.eye(len(attempts))[[number for number, *_ in lists]]

    def log_likelihood(self, parameters: Parameters) -> np.ndarray:
        """Of each draw and attempt: (S, attempts)."""
        care, sees_find, sees_miss = parameters.care, parameters.sees_find, parameters.sees_miss
        chances = parameters.chances()
        found, missed = np.log(chances), np.log(1 - chances)
        unseen_find = found + np.log(1 - sees_find)[..., None]
        untold = np.log(
            (1 - sees_find[..., None]) * chances + (1 - sees_miss[..., None]) * (1 - chances)
        )
        told = found @ self.found.T + missed @ self.missed.T + untold @ self.untold.T

        all_found = found @ self.lists.T + (unseen_find - untold - found) @ self.seen.T
        all_right = np.exp(all_found) * np.where(self.unexplained, care, 1)[:, None]
        told += np.log1p(-np.minimum(all_right, 1 - 1e-9)) @ self.owner  # (S, nodes, attempts)

        seen = np.log(sees_find) * self.found.sum(1) + np.log(sees_miss) * self.missed.sum(1)
        outcome = np.where(self.passed, np.log(care), seen)
        expected = np.einsum("n,sna->sa", WEIGHTS, np.exp(told))
        return outcome + np.log(expected + 1e-300)  # never log 0


def indicators(sets: Sequence[Collection[str]], names: Sequence[str]) -> np.ndarray:
    """(sets, names): 1 where the set has the name."""
    return np.array([[name in one for name in names] for one in sets], float).reshape(
        -1, len(names)
    )


@dataclass(frozen=True)
class Posterior:
    """Draws from what is known after the attempts."""

    names: tuple[str, ...]
    parameters: Parameters

    def pass_rates(self, variants: Sequence[Collection[str]]) -> np.ndarray:
        """(draws, variants). A variant is the set of its departures."""
        found = np.log(self.parameters.chances())
        members = indicators(variants, self.names).T
        expected = sum(w * np.exp(found[:, n] @ members) for n, w in enumerate(WEIGHTS))
        return self.parameters.care * expected

    def find_rates(self) -> dict[str, np.ndarray]:
        """Name -> draws of how often an attempt finds it: (draws,)."""
        rates = np.einsum("n,snc->cs", WEIGHTS, self.parameters.chances())
        return dict(zip(self.names, rates))


def fit(attempts: Sequence[Attempt], rarity: Mapping[str, str], seed: int = 0) -> Posterior:
    """What the attempts say. rarity: of every choice of the catalogue."""
    names = tuple(rarity)
    rarities = np.array([RARITY[rarity[name]] for name in names])
    evidence = Evidence(attempts, names)
    white = posterior_draws(
        lambda white: evidence.log_likelihood(Parameters(white, rarities)),
        len(PRIOR[0]) + len(names),
        np.random.default_rng(seed),
    )
    return Posterior(names, Parameters(white, rarities))
