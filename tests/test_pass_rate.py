"""The metric, as a function of the scores alone."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from inspect_ai.scorer import SampleScore, Score
from scipy.stats import binom

from scorers.pass_rate import pass_rate


def scores(*attempts):
    """attempts: (departures, passed, reason)."""
    return [
        SampleScore(
            score=Score(value=value, metadata={"reason": reason}),
            sample_id=f"{departures}-0",
            sample_metadata={"departures": departures},
        )
        for departures, value, reason in attempts
    ]


def rates(passed, attempts):
    right, wrong = [(4, 1, "passed")] * passed, [(4, 0, "wrong_logits")] * (attempts - passed)
    return pass_rate()(scores(*right, *wrong))


@pytest.mark.parametrize(
    ("passed", "attempts", "low", "high"),
    [
        # Newcombe, Statistics in Medicine 17 (1998), table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
        # ten attempts
        (0, 10, 0.0000, 0.2775),
        (3, 10, 0.1078, 0.6032),
        (10, 10, 0.7225, 1.0000),
    ],
)
def test_pass_rate_with_its_wilson_interval(passed, attempts, low, high):
    values = rates(passed, attempts)
    for k in ("all", "4"):
        found = [values[f"{name}_{k}"] for name in ("low", "pass", "high")]
        assert found == pytest.approx([low, passed / attempts, high], abs=5e-5)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(attempts=st.integers(5, 60))
def test_the_interval_covers_at_its_stated_rate(attempts):
    """Exactly, by the binomial distribution: 95% on average over true rates, and never far below in the
    band that matters."""
    found = [rates(passed, attempts) for passed in range(attempts + 1)]
    low, high = (np.array([values[name] for values in found]) for name in ("low_all", "high_all"))
    true = np.linspace(0.005, 0.995, 199)[:, None]
    share = binom.pmf(range(attempts + 1), attempts, true)
    covered = (share * ((low <= true) & (true <= high))).sum(1)
    assert 0.94 < covered.mean() < 0.97
    band = (true[:, 0] >= 0.1) & (true[:, 0] <= 0.4)
    assert covered[band].min() > 0.87


def test_each_rung_and_each_reason_is_counted_by_itself():
    values = pass_rate()(
        scores(
            *[(2, 1, "passed")] * 3,
            (2, 0, "timeout"),
            *[(8, 0, "wrong_logits")] * 5,
            (8, 1, "passed"),
            *[(6, 0, "timeout")] * 2,
        )
    )
    reasons = {"passed": 4, "timeout": 3, "wrong_logits": 5}
    assert {reason: values[reason] for reason in reasons} == reasons
    rungs = {k: values[f"pass_{k}"] for k in ("all", 2, 6, 8)}
    assert rungs == {"all": 4 / 12, 2: 3 / 4, 6: 0, 8: 1 / 6}
    assert len(values) == 3 + 3 * 4
    alone = pass_rate()(scores(*[(8, 0, "wrong_logits")] * 5, (8, 1, "passed")))
    for name in ("low", "high"):
        assert values[f"{name}_8"] == alone[f"{name}_8"] == alone[f"{name}_all"]


def test_epochs_of_a_sample_are_attempts_of_their_own():
    """The list is unreduced: more epochs of one sample make the interval narrower."""
    assert rates(3, 10)["high_all"] - rates(3, 10)["low_all"] > 0.4
    assert rates(30, 100)["high_all"] - rates(30, 100)["low_all"] < 0.2


def test_the_order_of_the_attempts_does_not_matter():
    attempts = [(2, 1, "passed"), (4, 0, "crashed"), (2, 0, "timeout"), (4, 1, "passed")]
    assert pass_rate()(scores(*attempts)) == pass_rate()(scores(*reversed(attempts)))


def test_no_scores_are_no_values():
    assert pass_rate()([]) == {}


def test_values_survive_a_log():
    assert json.loads(json.dumps(rates(1, 3))) == rates(1, 3)
