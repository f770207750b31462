"""Draws from a posterior whose prior is standard normal, by sequential Monte Carlo (Del Moral, Doucet, Jasra 2006)."""

from collections.abc import Callable

import numpy as np
from scipy.optimize import brentq
from scipy.special import softmax

POINTS = 400
MOVES = 10
LAST = 50
WIDE = 1.3


def posterior_draws(
    log_likelihood: Callable[[np.ndarray], np.ndarray], size: int, rng: np.random.Generator
) -> np.ndarray:
    """Draws (POINTS, size), from draws of the prior: the likelihood is raised to a power that grows from 0 to 1.
    log_likelihood: points (P, size) -> (P,)."""
    points, power = rng.normal(size=(POINTS, size)), 0.0
    told = log_likelihood(points)

    def too_far(step: float) -> float:
        """Below 0 if this step leaves the weight on less than half of the points."""
        return 1 / (softmax(step * told) ** 2).sum() - POINTS / 2

    while power < 1:
        step = 1 - power if too_far(1 - power) >= 0 else brentq(too_far, 0, 1 - power)
        chosen = rng.choice(POINTS, POINTS, p=softmax(step * told))
        points, told, power = points[chosen], told[chosen], power + step
        # Each point turns by a random angle, around the mean of all, towards a draw of the normal distribution with
        # their covariance: preconditioned Crank-Nicolson (Cotter, Roberts, Stuart, White 2013), with Metropolis' rule.
        mean, covariance = points.mean(0), np.cov(points, rowvar=False) + 1e-4 * np.eye(size)
        root = np.linalg.cholesky(covariance).T
        noise = (points - mean) @ np.linalg.inv(root)
        for _ in range(MOVES if power < 1 else LAST):
            angle = rng.uniform(0.1, WIDE, (POINTS, 1))
            turned = noise * np.cos(angle) + rng.normal(size=noise.shape) * np.sin(angle)
            moved = mean + turned @ root
            tells = log_likelihood(moved)
            prior_ratio = ((points**2).sum(1) - (moved**2).sum(1)) / 2
            normal_ratio = ((noise**2).sum(1) - (turned**2).sum(1)) / 2
            ratio = power * (tells - told) + prior_ratio - normal_ratio
            accepted = np.log(rng.random(POINTS)) < ratio
            noise[accepted], points[accepted] = turned[accepted], moved[accepted]
            told[accepted] = tells[accepted]
    return points
