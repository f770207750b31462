"""What a run says: how often it passes and how sure that is, and why attempts fail."""

from collections import Counter, defaultdict
from math import nan

from inspect_ai.scorer import Metric, SampleScore, metric, value_to_float

from difficulty.band import interval


@metric(scores="unreduced")
def pass_rate() -> Metric:
    """Rates of attempts, every epoch one:

    pass_all, low_all, high_all     pass rate and its 95% interval; pass_4 ...: with 4 departures
    reason_timeout                  share that ended for this reason
    """

    def compute(scores: list[SampleScore]) -> dict[str, float]:
        if not scores:
            return {"pass_all": nan}  # Inspect looks for it at the start of a run
        passed, reasons = defaultdict[str, list[bool]](list), Counter[str]()
        for score in scores:
            row, told = score.sample_metadata or {}, score.score.metadata or {}
            success = value_to_float()(score.score.value) == 1
            reasons["passed" if success else str(told.get("reason"))] += 1
            for group in ("all", str(row["departures"])):
                passed[group].append(success)
        values: dict[str, float] = {}
        for group, attempts in passed.items():
            low, high = interval(sum(attempts), len(attempts))
            rate = sum(attempts) / len(attempts)
            values |= {f"pass_{group}": rate, f"low_{group}": low, f"high_{group}": high}
        shares = {f"reason_{reason}": number / len(scores) for reason, number in reasons.items()}
        return values | shares

    return compute
