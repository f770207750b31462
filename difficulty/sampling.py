"""Draws from a posterior whose prior is standard normal: Markov chains that start around its mode."""

from collections.abc import Callable

import numpy as np
from scipy.optimize import minimize

CHAINS = 60
KEPT = range(30, 81, 10)  # the steps after which the states of all chains are kept


def posterior_draws(
    log_likelihood: Callable[[np.ndarray], np.ndarray], size: int, rng: np.random.Generator
) -> np.ndarray:
    """Draws (CHAINS * len(KEPT), size). log_likelihood: points (P, size) -> (P, observations)."""
    shift = 1e-4 * np.eye(size)

    def slopes(point: np.ndarray) -> np.ndarray:
        """Of the log likelihood of each observation: (size, observations)."""
        return (log_likelihood(point + shift) - log_likelihood(point - shift)) / 2e-4

    def loss(point: np.ndarray) -> tuple[float, np.ndarray]:
        """Minus the log posterior, and its gradient."""
        value = float(point @ point / 2 - log_likelihood(point[None]).sum())
        return value, point - slopes(point).sum(1)

    mode = minimize(loss, np.zeros(size), jac=True, method="L-BFGS-B").x
    # The information is the outer product of slopes (Berndt, Hall, Hall, Hausman 1974).
    precision = np.eye(size) + slopes(mode) @ slopes(mode).T
    root = np.linalg.inv(np.linalg.cholesky(precision))

    def log_ratio(noise: np.ndarray) -> np.ndarray:
        """Of the posterior to the normal distribution around the mode, at mode + noise @ root: (P,)."""
        points = mode + noise @ root
        return log_likelihood(points).sum(1) + ((noise**2).sum(1) - (points**2).sum(1)) / 2

    noise, kept = rng.normal(size=(CHAINS, size)), []
    for step in range(1, KEPT[-1] + 1):
        # Turned by a random angle towards a new draw, and accepted by Metropolis' rule: preconditioned
        # Crank-Nicolson (Cotter, Roberts, Stuart, White 2013).
        angle = rng.uniform(0, np.pi / 2, (CHAINS, 1))
        turned = noise * np.cos(angle) + rng.normal(size=noise.shape) * np.sin(angle)
        accepted = np.log(rng.random(CHAINS)) < log_ratio(turned) - log_ratio(noise)
        noise[accepted] = turned[accepted]
        if step in KEPT:
            kept.append(mode + noise @ root)
    return np.concatenate(kept)
