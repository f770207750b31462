"""What a run says: the share of attempts that passed, how sure that is, and why the others did not."""

from collections import Counter

from inspect_ai.scorer import Metric, SampleScore, metric
from scipy.stats import binomtest


@metric(scores="unreduced")
def pass_rate() -> Metric:
    """Pass rate with its 95% Wilson interval, of all attempts and per departures; counts of the reasons."""

    def compute(scores: list[SampleScore]) -> dict[str, float]:
        attempts = [((s.sample_metadata or {})["departures"], s.score.as_int()) for s in scores]
        values: dict[str, float] = {}
        for k in dict.fromkeys(k for departures, _ in attempts for k in ("all", departures)):
            passed = [value for departures, value in attempts if k in ("all", departures)]
            low, high = binomtest(sum(passed), len(passed)).proportion_ci(method="wilson")
            values |= {f"pass_{k}": sum(passed) / len(passed), f"low_{k}": low, f"high_{k}": high}
        return values | Counter((s.score.metadata or {})["reason"] for s in scores)

    return compute
