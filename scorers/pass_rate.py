"""What a run says: how often it passes and how sure that is, why attempts fail, and what is found."""

from collections import defaultdict

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
    to_float = value_to_float()

    def compute(scores: list[SampleScore]) -> dict[str, float]:
        passed, found, told = (defaultdict[str, list[bool]](list) for _ in range(3))
        reasons: list[str] = []
        for score in scores:
            row, success = score.sample_metadata or {}, to_float(score.score.value) == 1
            tells = score.score.metadata or {}
            attempt = Attempt.from_log(row, success, tells)
            reasons.append("passed" if success else str(tells.get("reason")))
            passed["all"].append(success)
            passed[str(row["departures"])].append(success)
            for name in attempt.departures:
                told[name].append(name in attempt.found | attempt.missed)
                if told[name][-1]:
                    found[name].append(name in attempt.found)
        values: dict[str, float] = {}
        for group, successes in passed.items():
            number, count = sum(successes), len(successes)
            low, high = interval(number, count)
            values |= {f"pass_{group}": number / count, f"low_{group}": low, f"high_{group}": high}
        values |= {f"reason_{one}": reasons.count(one) / len(reasons) for one in sorted({*reasons})}
        for kind, results in {"found": found, "told": told}.items():
            values |= {f"{kind}_{name}": sum(r) / len(r) for name, r in sorted(results.items())}
        return values

    return compute
