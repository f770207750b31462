"""How often a model finds each departure, learnt from its attempts; hence how often it passes any variant, run or not.

In an attempt at a variant with departures D, each i in D is found with probability

    p_i(t) = sigmoid(ability + ease_i + t),    t ~ N(0, luck), the same for all departures of the attempt

and with probability `care` nothing else goes wrong. An attempt passes if all of D are found and nothing else is wrong:

    pass rate of D = care * E_t[product of p_i(t) over D]

This is the Rasch model of item response theory (Rasch 1960), with departures as items and a random effect of the
attempt. The ease of a choice is what its rarity lets expect, plus a spread: ease_i = slope * rarity_i + spread * z_i.

An attempt that passes tells that all were found. One that fails contributes, given t,
    p_i for each departure found,  1 - p_i for each one missed,  1 - product of p_i for each list of which one is missed;
and if none of these explains why it failed: 1 - care * product of p_i over the departures of which nothing is known.

Every parameter has a normal prior, after a transformation to the real line; difficulty/sampling.py draws from the
posterior.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.polynomial.hermite_e import hermegauss
from scipy.special import expit, log_expit

from difficulty.sampling import posterior_draws

RARITY: Final = {"common": 1.0, "uncommon": 0.0, "rare": -1.0}
"""What `slope` multiplies."""
PRIOR: Final = np.array([(0.0, 1.5), (0.7, 0.7), (0.1, 0.5), (-0.7, 0.7), (2.2, 1.0)]).T
"""Mean and standard deviation of ability, slope, log spread, log luck, logit care. z_i: 0 and 1."""
NODES, WEIGHTS = hermegauss(5)  # E_t[f(t)] = sum of WEIGHTS * f(luck * NODES), Gauss-Hermite
WEIGHTS = WEIGHTS / WEIGHTS.sum()


@dataclass(frozen=True)
class Attempt:
    """What one attempt at a variant told of its departures."""

    departures: frozenset[str]
    passed: bool
    found: frozenset[str] = frozenset()
    missed: frozenset[str] = frozenset()
    one_of: tuple[frozenset[str], ...] = ()
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
    """Draws of the model: ability, luck, care (S, 1) and ease (S, choices), from white (S, 5 + choices)."""

    def __init__(self, white: np.ndarray, rarity: np.ndarray):
        means, deviations = PRIOR
        ability, slope, spread, luck, care = (means + deviations * white[:, :5]).T[..., None]
        self.ability, self.luck, self.care = ability, np.exp(luck), expit(care)
        self.ease = slope * rarity + np.exp(spread) * white[:, 5:]

    def logits(self) -> np.ndarray:
        """Of p_i(t) at the nodes of t: (S, nodes, choices)."""
        return (self.ability + self.ease)[:, None] + (self.luck * NODES)[..., None]


class Evidence:
    """Attempts as indicators: who was found or missed (attempts, choices), and lists of which one is missed."""

    def __init__(self, attempts: Sequence[Attempt], names: Sequence[str]):
        lists: list[tuple[int, Collection[str], bool]] = []
        for number, attempt in enumerate(attempts):
            lists += [(number, names_of_list, False) for names_of_list in attempt.one_of]
            if not (attempt.passed or attempt.missed or attempt.one_of):
                lists.append((number, attempt.departures - attempt.found, True))
        self.found = indicators([attempt.found for attempt in attempts], names)
        self.missed = indicators([attempt.missed for attempt in attempts], names)
        self.passed = np.array([attempt.passed for attempt in attempts], bool)
        self.lists = indicators([names_of_list for _, names_of_list, _ in lists], names)
        self.careless = np.array([careless for *_, careless in lists], bool)
        self.owner = np.eye(len(attempts))[[number for number, *_ in lists]]

    def log_likelihood(self, parameters: Parameters) -> np.ndarray:
        """Of each draw and attempt: (S, attempts)."""
        logits, care = parameters.logits(), parameters.care
        found = log_expit(logits)  # and log(1 - p_i) = log_expit(-logit) = log p_i - logit
        told = found @ (self.found + self.missed).T - logits @ self.missed.T  # (S, nodes, attempts)
        all_right = np.exp(found @ self.lists.T) * np.where(self.careless, care, 1)[:, None]
        not_all = np.log1p(-np.minimum(all_right, 1 - 1e-9))
        told = told + not_all @ self.owner
        expected = np.einsum("n,sna->sa", WEIGHTS, np.exp(told))
        return np.log(expected + 1e-300) + np.log(care) * self.passed  # never log 0


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
        found = log_expit(self.parameters.logits())
        members = indicators(variants, self.names).T
        expected = sum(w * np.exp(found[:, n] @ members) for n, w in enumerate(WEIGHTS))
        return self.parameters.care * expected

    def find_rates(self) -> dict[str, np.ndarray]:
        """Name -> draws of how often an attempt finds it: (draws,)."""
        rates = np.einsum("n,snc->cs", WEIGHTS, expit(self.parameters.logits()))
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
