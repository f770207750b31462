"""The metric, as a function of the scores alone."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from inspect_ai.scorer import SampleScore, Score
from scipy.stats import binom

from scorers.pass_rate import interval, pass_rate


def scores(*attempts):
    """attempts: (row of departures, passed, what the score tells)."""
    return [
        SampleScore(
            score=Score(value=value, metadata={"reason": "passed"} | told),
            sample_id=f"{number}",
            sample_metadata={
                "departures": len(names),
                "architecture": dict.fromkeys(names) | {"heads": 4},
            },
        )
        for number, (names, value, told) in enumerate(attempts)
    ]


FOUR = ("sinks", "norm_eps", "rope_theta", "activation")


def rates(passed, attempts):
    wrong = [(FOUR, 0, {"reason": "timeout"})] * (attempts - passed)
    return pass_rate()(scores(*[(FOUR, 1, {})] * passed, *wrong))


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


def test_departures_and_reasons_have_rates_of_their_own():
    two, one = ("sinks", "norm_eps"), ("sinks",)
    values = pass_rate()(
        scores(
            *[(two, 1, {})] * 3,
            (two, 0, {"reason": "timeout"}),
            (two, 0, {"reason": "wrong_mask", "found": ["norm_eps"], "missed": ["sinks"]}),
            (one, 0, {"reason": "wrong_values", "other_value": {"sinks": [1, 2]}}),
            (one, 0, {"reason": "wrong_values", "one_of": [["sinks"]]}),
            (one, 1, {}),
        )
    )
    rates = {"pass_all": 4 / 8, "pass_2": 3 / 5, "pass_1": 1 / 3}
    rates |= {"reason_passed": 4 / 8, "reason_timeout": 1 / 8, "reason_wrong_mask": 1 / 8}
    rates |= {"reason_wrong_values": 2 / 8}
    rates |= {
        "told_sinks": 6 / 8,
        "found_sinks": 4 / 6,
        "told_norm_eps": 4 / 5,
        "found_norm_eps": 1,
    }
    assert {name: values[name] for name in rates} == rates
    assert set(values) == {
        *rates,
        *(f"{end}_{k}" for end in ("low", "high") for k in ("all", 1, 2)),
    }
    assert all(0 <= value <= 1 for value in values.values())
    assert (values["low_1"], values["high_1"]) == interval(1, 3)
    assert [*values][:3] == ["pass_all", "low_all", "high_all"]  # what a header shows first


def test_an_edited_score_counts_as_it_was_edited():
    values = pass_rate()(scores((("sinks",), "C", {"reason": "timeout"}), (("sinks",), "I", {})))
    assert values["pass_all"] == 0.5


def test_epochs_of_a_sample_are_attempts_of_their_own():
    """The list is unreduced: more epochs of one sample make the interval narrower."""
    assert rates(3, 10)["high_all"] - rates(3, 10)["low_all"] > 0.4
    assert rates(30, 100)["high_all"] - rates(30, 100)["low_all"] < 0.2


def test_the_order_of_the_attempts_does_not_matter():
    attempts = [(FOUR[:2], 1, {}), (FOUR, 0, {"reason": "crashed"}), (FOUR, 1, {})]
    assert pass_rate()(scores(*attempts)) == pass_rate()(scores(*reversed(attempts)))


def test_no_scores_are_no_rate():
    assert np.isnan(pass_rate()([])["pass_all"])


def test_values_survive_a_log():
    assert json.loads(json.dumps(rates(1, 3))) == rates(1, 3)
