"""What a run says: how often it passes and how sure that is, why attempts fail, and what they find."""

from collections import defaultdict
from math import nan
from typing import Any

from inspect_ai.scorer import Metric, SampleScore, metric, value_to_float
from scipy.stats import binomtest

from difficulty.find_rates import Attempt


def interval(passed: int, tried: int) -> tuple[float, float]:
    """95% Wilson interval of a rate. tried: at least 1."""
    return binomtest(passed, tried).proportion_ci(method="wilson")


@metric(scores="unreduced")
def pass_rate() -> Metric:
    """Rates of attempts, every epoch one:

    pass_all, low_all, high_all     pass rate and its 95% Wilson interval; pass_4 ...: with 4 departures
    reason_timeout                  share that ended for this reason
    told_sinks                      share that told whether it found this departure, where it was hidden
    found_sinks                     share that found it, of those that told
    """

    def compute(scores: list[SampleScore]) -> dict[str, float]:
        happened = defaultdict[tuple[str, Any], list[bool]](list)
        for score in scores:
            row, told = score.sample_metadata or {}, score.score.metadata or {}
            passed = value_to_float()(score.score.value) == 1
            happened["pass", "all"].append(passed)
            happened["pass", row["departures"]].append(passed)
            happened["reason", "passed" if passed else told.get("reason")].append(True)
            attempt = Attempt.from_log(row, passed, told)
            for name in attempt.departures:
                happened["told", name].append(name in attempt.found | attempt.missed)
            for name in attempt.found | attempt.missed:
                happened["found", name].append(name in attempt.found)
        values = {"pass_all": nan}  # Inspect looks for it at the start of a run
        for (kind, group), attempts in happened.items():
            number, tried = sum(attempts), len(attempts)
            values[f"{kind}_{group}"] = number / (len(scores) if kind == "reason" else tried)
            if kind == "pass":
                values[f"low_{group}"], values[f"high_{group}"] = interval(number, tried)
        return values

    return compute
