"""From logs to attempts: a table with a row for each, and a line on whatever does not count."""

from collections import Counter
from collections.abc import Sequence
from typing import Any
from zipfile import BadZipFile

import pandas as pd
from inspect_ai import log as logs_of
from inspect_ai.log import EvalLog, EvalSampleSummary
from inspect_ai.model import ModelUsage
from inspect_ai.scorer import Score, value_to_float

from commands import label
from difficulty.find_rates import Attempt
from inspect_task import VERSION

TASK = f"task orphan_checkpoint, version {VERSION}"
LARGE = {"messages", "events", "store", "attachments", "timelines"}
AS_THEY_ARE = {"id", "epoch", "limit", "error", "working_time", "turn_count"}  # of a summary
UNREADABLE = (OSError, ValueError, LookupError, EOFError, RuntimeError, ImportError, BadZipFile)


def read(paths: Sequence[str]) -> tuple[list[EvalLog], pd.DataFrame, list[str]]:
    """Headers of the logs that count, oldest first; the attempts that count; lines on the rest."""
    counting, notes = list[tuple[EvalLog, list]](), list[str]()
    for path in paths:
        try:
            names = [log.name.removeprefix("file://") for log in logs_of.list_eval_logs(path)]
        except UNREADABLE as error:
            notes.append(f"{path}: cannot be listed ({first_line(error)})")
            continue
        for name in names or [path]:
            header, attempts, said = read_one(name)
            notes += [f"{name}: {said}"] if said else []
            counts = [attempt for attempt in attempts if attempt["counts"]]
            if header and counts:
                counting.append((header, counts))
    counting.sort(key=lambda log: log[0].eval.created)
    every = pd.DataFrame(attempt for _, attempts in counting for attempt in attempts)
    if counting:  # a retried log repeats attempts, some of them anew: the first one counts
        every = every.drop_duplicates("uuid").drop_duplicates("attempt", ignore_index=True)
    return [header for header, _ in counting], every, notes


def read_one(name: str) -> tuple[EvalLog | None, list[dict[str, Any]], str]:
    """Header of a log, all its attempts, and which do not count. No header: no log of this task."""
    try:
        header = logs_of.read_eval_log(name, header_only=True)
        samples, invalid = logs_of.read_eval_log_sample_summaries(name), set[str | None]()
        if header.invalidated:  # which ones, a summary does not say
            which = [(sample.id, sample.epoch) for sample in samples]
            full = logs_of.read_eval_log_samples_by_id(name, which, exclude_fields=LARGE)
            invalid = {sample.uuid for sample in full if sample.invalidation}
    except UNREADABLE as error:
        return None, [], f"no log is there, or a broken one ({first_line(error)})"
    task = f"task {header.eval.task.rpartition('/')[2]}, version {header.eval.task_version}"
    if task != TASK:
        return None, [], f"left out: of {task}, not of {TASK}"
    attempts = [facts(sample, header, sample.uuid in invalid) for sample in samples]
    left_out = Counter(one["left out"] for one in attempts if not one["counts"])
    said = [f"{number} of {len(samples)}: {why}" for why, number in left_out.items()]
    if header.status != "success":
        why = first_line(header.error.message) if header.error else header.status
        said.insert(0, f"cut off ({why})")
    if said or not attempts:
        said.append(f"{len(attempts) - left_out.total()} attempts count")
    return header, attempts, "; ".join(said)


def facts(sample: EvalSampleSummary, header: EvalLog, invalid: bool) -> dict[str, Any]:
    """What is known of an attempt."""
    score = (sample.scores or {}).get("parity", Score.unscored())
    told, passed = score.metadata or {}, value_to_float()(score.value) == 1
    attempt = Attempt.from_log(sample.metadata, passed, told)
    other_value = attempt.missed & {*told.get("other_value", ())}
    model, seed = label(header), (header.eval.solver_args_passed or {}).get("seed")
    # A retry keeps the id of its task; and the same seed makes the same attempt.
    run = header.eval.task_id or sample.uuid if seed is None else f"{model} {seed}"
    used = sum(sample.model_usage.values(), ModelUsage())
    fault = f"no score, no fault of the model ({first_line(sample.error or 'unscored')})"
    reason = "passed" if passed else told.get("reason")
    return {
        "model": model,
        "uuid": sample.uuid,
        "dataset": header.eval.dataset.name,
        "attempt": f"{run} {sample.id} {sample.epoch}",
        **sample.model_dump(include=AS_THEY_ARE),
        "row": sample.metadata,
        "departures": sample.metadata["departures"],
        "counts": not (invalid or pd.isna(score.value)),
        "left out": "invalidated" if invalid else fault,
        "passed": passed,
        # An edited score keeps the reason of the first one.
        "reason": "edited" if reason == "passed" and not passed else reason,
        "right": [*told.get("right", ())],
        "added": [*told.get("added", ())],
        "told": attempt,
        "found": [*attempt.found],
        "missed": [*attempt.missed - other_value],
        "other value": [*other_value],
        "not told": [*attempt.departures - attempt.found - attempt.missed],
        **used.model_dump(include={"input_tokens", "output_tokens"}),
        "US dollars": used.total_cost,
    }


def first_line(error: Any) -> str:
    return str(error).strip().partition("\n")[0][:160]
