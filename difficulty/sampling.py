"""Draws from a posterior whose prior is standard normal: elliptical slice sampling around the mode."""

from collections.abc import Callable

import numpy as np
from scipy.optimize import minimize

CHAINS, STEPS, KEPT = (
    60,
    40,
    (20, 25, 30, 35, 40),
)  # the states of every chain after these steps are kept


def posterior_draws(
    log_likelihood: Callable[[np.ndarray], np.ndarray], size: int, rng: np.random.Generator
) -> np.ndarray:
    """Draws (CHAINS * len(KEPT), size). log_likelihood: points (P, size) -> (P, observations).

    Chains start from a normal distribution around the mode and move on ellipses of that distribution, so that
    there is no step size to tune (Murray, Adams, MacKay 2010; Nishihara, Murray, Adams 2014).
    """
    step = 1e-4 * np.eye(size)

    def slopes(point: np.ndarray) -> np.ndarray:
        """Derivatives of the log likelihood of each observation: (size, observations)."""
        return (log_likelihood(point + step) - log_likelihood(point - step)) / 2e-4

    def loss(point: np.ndarray) -> tuple[float, np.ndarray]:
        """Minus the log posterior, and its gradient."""
        value = float(point @ point / 2 - log_likelihood(point[None]).sum())
        return value, point - slopes(point).sum(1)

    mode = minimize(loss, np.zeros(size), jac=True, method="L-BFGS-B").x
    # The information of observations is the outer product of their slopes (Berndt, Hall, Hall, Hausman 1974).
    information = slopes(mode)
    precision = np.eye(size) + information @ information.T
    root = np.linalg.inv(
        np.linalg.cholesky(precision)
    )  # mode + noise @ root is the starting distribution

    def log_ratio(noise: np.ndarray) -> np.ndarray:
        """Of the posterior to the starting distribution: (P,)."""
        points = mode + noise @ root
        return log_likelihood(points).sum(1) - (points**2).sum(1) / 2 + (noise**2).sum(1) / 2

    noise, kept = rng.normal(size=(CHAINS, size)), []
    for number in range(1, STEPS + 1):
        noise = slice_on_ellipse(noise, log_ratio, rng)
        if number in KEPT:
            kept.append(mode + noise @ root)
    return np.concatenate(kept)


def slice_on_ellipse(
    noise: np.ndarray, log_ratio: Callable[[np.ndarray], np.ndarray], rng: np.random.Generator
) -> np.ndarray:
    """One step of each chain: to a point of a random ellipse where log_ratio is above a random level."""
    other = rng.normal(size=noise.shape)
    level = log_ratio(noise) + np.log(rng.random(len(noise)))
    angle = rng.uniform(0, 2 * np.pi, len(noise))
    low, high = angle - 2 * np.pi, angle.copy()
    moved, left = noise.copy(), np.arange(len(noise))  # chains that still look for a point
    while left.size:
        turn = angle[left, None]
        moved[left] = noise[left] * np.cos(turn) + other[left] * np.sin(turn)
        left = left[log_ratio(moved[left]) <= level[left]]
        low[left] = np.where(angle[left] < 0, angle[left], low[left])
        high[left] = np.where(angle[left] >= 0, angle[left], high[left])
        angle[left] = rng.uniform(low[left], high[left])
    return moved
