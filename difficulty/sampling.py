"""Draws from a posterior whose prior is standard normal, by sequential Monte Carlo (Del Moral, Doucet, Jasra 2006)."""

from collections.abc import Callable

import numpy as np
from scipy.optimize import brentq
from scipy.special import softmax

POINTS = 400
MOVES = 20  # of all points, at each power; half as many give intervals that are 7% too narrow
LAST_MOVES = 100


def posterior_draws(
    log_likelihood: Callable[[np.ndarray], np.ndarray], size: int, rng: np.random.Generator
) -> np.ndarray:
    """Draws (POINTS, size). They begin as draws of the prior; then the likelihood is raised to a power that grows from
    0 to 1. log_likelihood: points (P, size) -> (P,)."""
    points, left = rng.normal(size=(POINTS, size)), 1.0  # of the power, which begins at 0
    told = log_likelihood(points)

    def room(step: float) -> float:
        """Above 0 if this step of the power leaves weight on more than half of the points."""
        return 1 / (softmax(step * told) ** 2).sum() - POINTS / 2

    while left > 0:
        step = left if room(left) >= 0 else brentq(room, 0, left)
        left -= step
        chosen = rng.choice(POINTS, POINTS, p=softmax(step * told))
        points, told = points[chosen], told[chosen]
        # Each point turns by a random angle around the mean of all, towards a draw of the normal distribution with
        # their covariance, and goes there by Metropolis' rule: preconditioned Crank-Nicolson (Cotter, Roberts,
        # Stuart, White 2013).
        mean, covariance = points.mean(0), np.cov(points, rowvar=False) + 1e-4 * np.eye(size)
        root = np.linalg.cholesky(covariance).T
        noise = (points - mean) @ np.linalg.inv(root)
        for _ in range(MOVES if left > 0 else LAST_MOVES):
            angle = rng.uniform(0.1, 1.3, (POINTS, 1))
            turned = noise * np.cos(angle) + rng.normal(size=noise.shape) * np.sin(angle)
            moved = mean + turned @ root
            tells = log_likelihood(moved)
            ratio = (1 - left) * (tells - told) + ((turned**2) - (noise**2)).sum(1) / 2
            ratio += (points**2 - moved**2).sum(1) / 2  # of the prior
            accepted = np.log(rng.random(POINTS)) < ratio
            noise[accepted], points[accepted] = turned[accepted], moved[accepted]
            told[accepted] = tells[accepted]
    return points
