"""From logs of inspect eval to its attempts: a table with a row for each, and a line on whatever does not count."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import pandas as pd
from inspect_ai.log import (
    EvalLog,
    EvalSampleSummary,
    list_eval_logs,
    read_eval_log,
    read_eval_log_sample_summaries,
    read_eval_log_samples_by_id,
)
from inspect_ai.scorer import Score, value_to_float

from commands import label
from difficulty.find_rates import Attempt
from inspect_task import VERSION

TASK = ("orphan_checkpoint", VERSION)
LARGE = {"messages", "events", "store", "attachments", "timelines"}
UNREADABLE = (OSError, ValueError, LookupError, EOFError, RuntimeError, ImportError, BadZipFile)


def read(paths: Sequence[str]) -> tuple[list[EvalLog], pd.DataFrame, list[str]]:
    """Headers of the logs that count, oldest first; a row for each attempt that counts; lines on what does not."""
    headers, counted, notes = {}, {}, []
    for path in paths:
        is_log = path.endswith((".eval", ".json")) or Path(path).is_file()
        try:
            names = [path] if is_log else [log.name for log in list_eval_logs(path)]
        except UNREADABLE as error:
            notes.append(f"{path}: cannot be listed ({first_line(error)})")
            continue
        notes += [] if names else [f"{path}: no log is there"]
        for name in names:
            header, attempts, said = read_one(name)
            notes += [f"{name.removeprefix('file://')}: {said}"] if said else []
            counts = {attempt["uuid"]: attempt for attempt in attempts if attempt["counts"]}
            if header and counts:
                headers[header.eval.eval_id] = header
                counted |= counts  # a retried log repeats what it keeps
    in_order = sorted(headers.values(), key=lambda log: log.eval.created)
    return in_order, pd.DataFrame(counted.values()), notes


def read_one(name: str) -> tuple[EvalLog | None, list[dict[str, Any]], str]:
    """Header of a log, all its attempts, and what does not count of them. No header: it is no log of this task."""
    try:
        header = read_eval_log(name, header_only=True)
        samples, invalid = read_eval_log_sample_summaries(name), set()
        if header.invalidated:  # which ones, a summary does not say
            which = [(sample.id, sample.epoch) for sample in samples]
            full = read_eval_log_samples_by_id(name, which, exclude_fields=LARGE)
            invalid = {sample.uuid for sample in full if sample.invalidation}
    except UNREADABLE as error:
        return None, [], f"not an Inspect log, or a broken one ({first_line(error)})"
    is_of = (header.eval.task.rpartition("/")[2], header.eval.task_version)
    if is_of != TASK:
        return (
            None,
            [],
            "left out: of task {}, version {}, not {}, version {}".format(*is_of, *TASK),
        )
    attempts = [facts(sample, header, invalid) for sample in samples]
    lost = [one for one in attempts if not one["counts"] and one["uuid"] not in invalid]
    errors = [first_line(one["error"]) for one in lost if one["error"]]
    said = []
    if header.status != "success":
        why = f", {first_line(header.error.message)}" if header.error else ""
        said.append(f"cut off ({header.status}{why})")
    if invalid:
        said.append(f"{len(invalid)} of {len(samples)} attempts are invalidated")
    if lost:
        why = f", the first with {errors[0]}" if errors else ""
        said.append(f"{len(lost)} of {len(samples)} have no score, no fault of the model{why}")
    counted = sum(attempt["counts"] for attempt in attempts)
    if said or not counted:
        said.append(f"{counted} attempts count")
    return header, attempts, "; ".join(said)


def facts(sample: EvalSampleSummary, header: EvalLog, invalid: set) -> dict[str, Any]:
    """What is known of an attempt. invalid: uuids."""
    score = (sample.scores or {}).get("parity", Score.unscored())
    told, passed = score.metadata or {}, value_to_float()(score.value) == 1
    reason = "passed" if passed else told.get("reason")
    model, seed = label(header), (header.eval.solver_args_passed or {}).get("seed")
    usage = sample.model_usage.values()
    costs = [one.total_cost for one in usage if one.total_cost is not None]
    return {
        "model": model,
        # The same seed makes the same attempt.
        "uuid": sample.uuid if seed is None else f"{model} {seed} {sample.id} {sample.epoch}",
        "id": sample.id,
        "epoch": sample.epoch,
        "row": sample.metadata,
        "departures": sample.metadata["departures"],
        "counts": not pd.isna(score.value) and sample.uuid not in invalid,
        "error": sample.error,
        "passed": passed,
        # An edited score keeps the reason of the first one.
        "reason": "edited" if reason == "passed" and not passed else reason,
        "told": Attempt.from_log(sample.metadata, passed, told),
        "other value": () if passed else tuple(told.get("other_value") or ()),
        "right": None if passed else told.get("right"),
        "added": () if passed else tuple(told.get("added") or ()),
        "limited": bool(sample.limit),
        "minutes": (sample.working_time or 0) / 60,
        "turns": sample.turn_count,
        "tokens": sum(one.total_tokens for one in usage),
        "output tokens": sum(one.output_tokens for one in usage),
        "US dollars": sum(costs) if costs else None,
    }


def first_line(error: Any) -> str:
    return str(error).strip().partition("\n")[0][:160]
