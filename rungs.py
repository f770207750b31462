"""Which rung to train on: from the attempts of a model, the probability that each rung is in the band.

A rung is a number of departures; it is in the band if it is passed 10 to 40% of the time. Rates p_k of rungs
are p_k ~ Beta(s m_k, s (1 - m_k)) around m_k = c q^k: each departure is found with probability q, the rest is
right with probability c, and s says how far a rung may stray. The prior of c, q and s is a grid, each point as
likely; at each point the posterior of p_k is a Beta distribution. benchmarks/report_statistics.py checks that.

In all functions, passed and tried are arrays (12,): how many attempts at each of RUNGS.
"""

import numpy as np
import pandas as pd
from scipy.special import betainc
from scipy.stats import betabinom, binomtest

BAND, BAND_IN_WORDS = (0.1, 0.4), "10-40%"
RUNGS = np.arange(1, 13)  # what build_dataset.py can write
CERTAIN = 0.85  # least probability of the band with which a rung is named for training
SETTLED = 0.9  # probability, of being in the band or out of it, that needs no more epochs
C, Q, SPREAD = map(
    np.ravel, np.meshgrid(np.arange(1, 5) / 4, np.linspace(0.02, 0.995, 30), 4.0 ** np.arange(6))
)
MEAN = C * Q ** RUNGS[:, None]  # m_k at each point of the grid: (rungs, points)
A, B = SPREAD * MEAN, SPREAD * (1 - MEAN)


def interval(passed: int, tried: int) -> tuple[float, float]:
    """95% Wilson interval of a rate."""
    low, high = binomtest(int(passed), int(tried)).proportion_ci(method="wilson")
    return float(low), float(high)


def counts(attempts: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """passed and tried. attempts: a row each, with columns departures and passed."""
    of_rungs = attempts.groupby("departures")["passed"].agg(["sum", "count"])
    passed, tried = of_rungs.reindex(RUNGS, fill_value=0).astype(int).to_numpy().T
    return passed, tried


def inside(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Probability of the band under Beta(a, b)."""
    return betainc(a, b, BAND[1]) - betainc(a, b, BAND[0])


def weights(passed: np.ndarray, tried: np.ndarray) -> np.ndarray:
    """Posterior of the points of the grid."""
    t = tried > 0
    fit = betabinom.logpmf(passed[t, None], tried[t, None], A[t], B[t]).sum(0)
    likelihood = np.exp(fit - fit.max())
    return likelihood / likelihood.sum()


def in_band(passed: np.ndarray, tried: np.ndarray) -> np.ndarray:
    """For each of RUNGS the probability that its rate lies in the band; of one not tried, that m_k does."""
    t, w = tried > 0, weights(passed, tried)
    chances = ((BAND[0] <= MEAN) & (MEAN <= BAND[1])) @ w  # noqa: SIM300
    chances[t] = inside(A[t] + passed[t, None], B[t] + (tried - passed)[t, None]) @ w
    return chances


def choose(passed: np.ndarray, tried: np.ndarray) -> tuple[int, float, str]:
    """A rung, its probability of the band, and what to do: "train", "repeat", "generate" or "stop". A tried
    rung that is likelier in the band than not; else the likeliest untried one between those that are passed
    too often and those that are passed too seldom, or beyond them; "stop" if there is none."""
    chances, rates = in_band(passed, tried), passed / np.maximum(tried, 1)
    best = int(np.where(tried > 0, chances, 0).argmax())
    if chances[best] >= 0.5:
        return int(RUNGS[best]), chances[best], "train" if chances[best] >= CERTAIN else "repeat"
    easy = max(RUNGS[(tried > 0) & (rates > np.mean(BAND))], default=0)
    hard = min(RUNGS[(tried > 0) & (rates <= np.mean(BAND))], default=len(RUNGS) + 1)
    left = (tried == 0) & ((easy > hard) | ((easy < RUNGS) & (hard > RUNGS)))
    if not left.any():
        return int(RUNGS[best]), chances[best], "stop"
    other = int(np.where(left, chances, -1).argmax())
    if chances[other] < 0.05 and hard > RUNGS[-1]:  # far too easy so far
        other = len(RUNGS) - 1
    return int(RUNGS[other]), chances[other], "generate"


def to_settle(passed: np.ndarray, tried: np.ndarray, rung: int) -> tuple[int, float]:
    """How many more attempts settle, as likely as not, whether a rung is in the band, and how likely; of 10,
    20, 30, 50, ... 1000."""
    i = rung - 1
    a, b = A[i] + passed[i], B[i] + tried[i] - passed[i]
    for more in (10, 20, 30, 50, 70, 100, 150, 200, 300, 500, 1000):
        then = np.arange(more + 1)[:, None]
        joint = weights(passed, tried) * betabinom.pmf(then, more, a, b)
        chances = (joint * inside(a + then, b + more - then)).sum(1) / joint.sum(1)
        sure = float(joint.sum(1)[(chances >= SETTLED) | (chances <= 1 - SETTLED)].sum())
        if sure >= 0.5:
            break
    return more, sure
