"""The band of pass rates that is worth training on, and the interval of a rate that was counted."""

from typing import Final

from scipy.stats import binomtest

BAND: Final = (0.1, 0.4)


def interval(passed: int, tried: int) -> tuple[float, float]:
    """95% Wilson interval of a rate. tried: at least 1."""
    low, high = binomtest(passed, tried).proportion_ci(method="wilson")
    return float(low), float(high)
