"""What a run says: how often it passes and how sure that is, why attempts fail, and what is found."""

from collections import defaultdict
from statistics import mean

from inspect_ai.scorer import Metric, SampleScore, metric, value_to_float

from difficulty.band import interval
from difficulty.find_rates import Attempt


@metric(scores="unreduced")
def pass_rate() -> Metric:
    """Rates of attempts, every epoch one:

    pass_all, low_all, high_all     pass rate and its 95% Wilson interval; pass_4 ...: with 4 departures
    reason_timeout                  share that ended for this reason
    found_sinks                     share that found this departure, of those that told of it
    told_sinks                      share that told of it, of those where it was hidden
    """

    def compute(scores: list[SampleScore]) -> dict[str, float]:
        passed, rest = defaultdict[str, list[bool]](list), defaultdict[str, list[bool]](list)
        reasons = []
        for score in scores:
            row, told = score.sample_metadata or {}, score.score.metadata or {}
            success = value_to_float()(score.score.value) == 1
            for group in ("all", row["departures"]):
                passed[group].append(success)
            reasons.append("passed" if success else str(told["reason"]))
            attempt = Attempt.from_log(row, success, told)
            for name in attempt.departures:
                known = name in attempt.found | attempt.missed
                rest[f"told_{name}"].append(known)
                rest[f"found_{name}"] += [name in attempt.found] * known
        values: dict[str, float] = {}
        for group, outcomes in passed.items():
            low, high = interval(sum(outcomes), len(outcomes))
            values |= {f"pass_{group}": mean(outcomes), f"low_{group}": low, f"high_{group}": high}
        values |= {f"reason_{one}": reasons.count(one) / len(reasons) for one in sorted({*reasons})}
        return values | {name: mean(rest[name]) for name in sorted(rest) if rest[name]}

    return compute
