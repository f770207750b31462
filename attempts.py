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
from inspect_ai.scorer import value_to_float

from commands import label
from difficulty.find_rates import Attempt
from inspect_task import VERSION

TASK = "orphan_checkpoint"
UNREADABLE = (OSError, ValueError, LookupError, EOFError, RuntimeError, ImportError, BadZipFile)


def facts(sample: EvalSampleSummary) -> dict[str, Any]:
    """What the report needs to know of a scored attempt."""
    score, usage = (sample.scores or {})["parity"], sample.model_usage.values()
    told, passed = score.metadata or {}, value_to_float()(score.value) == 1
    costs = [one.total_cost for one in usage if one.total_cost is not None]
    edited = "passed" if passed else "edited"  # the reason is that of the first score
    return {
        "uuid": sample.uuid,
        "id": sample.id,
        "epoch": sample.epoch,
        "departures": sample.metadata["departures"],
        "passed": passed,
        "reason": edited if passed or told.get("reason") == "passed" else told.get("reason"),
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


def read(paths: Sequence[str]) -> tuple[list[EvalLog], pd.DataFrame, list[str]]:
    """Headers of the logs that count, oldest first; a row for each scored attempt; lines on what does not count."""
    headers, frames, notes = {}, [pd.DataFrame()], []
    for path in paths:
        is_log = path.endswith((".eval", ".json")) or Path(path).is_file()
        try:
            names = [path] if is_log else [log.name for log in list_eval_logs(path)]
        except UNREADABLE as error:
            notes.append(f"{path}: cannot be listed ({first_line(error)})")
            continue
        if not names:
            exists = "://" in path or Path(path).exists()
            notes.append(f"{path}: {'no log in it' if exists else 'no such file or folder'}")
        for name in names:
            header, attempts, said = read_one(name)
            notes += [f"{name.removeprefix('file://')}: {said}"] if said else []
            if header:
                headers[header.eval.eval_id] = header
                frames.append(attempts)
    every = pd.concat(frames, ignore_index=True)
    if headers:
        every = every.drop_duplicates("uuid")  # a retried log repeats what it keeps
    return sorted(headers.values(), key=lambda log: log.eval.created), every, notes


def read_one(name: str) -> tuple[EvalLog | None, pd.DataFrame, str]:
    """Header and scored attempts of a log, and what does not count of it; no header if nothing does."""
    try:
        header = read_eval_log(name, header_only=True)
        samples, invalid = read_eval_log_sample_summaries(name), set()
        if header.invalidated:  # which ones, a summary does not say
            large = {"messages", "events", "store", "attachments", "timelines"}
            which = [(sample.id, sample.epoch) for sample in samples]
            full = read_eval_log_samples_by_id(name, which, exclude_fields=large)
            invalid = {sample.uuid for sample in full if sample.invalidation}
    except UNREADABLE as error:
        return None, pd.DataFrame(), f"not an Inspect log, or a broken one ({first_line(error)})"
    spec = header.eval
    if (spec.task.rpartition("/")[2], spec.task_version) != (TASK, VERSION):
        is_of = f"task {spec.task}, version {spec.task_version}"
        return None, pd.DataFrame(), f"left out: of {is_of}, not {TASK}, version {VERSION}"
    valid = [sample for sample in samples if sample.uuid not in invalid]
    scored = [sample for sample in valid if is_scored(sample)]
    lost, errors = len(valid) - len(scored), [sample.error for sample in valid if sample.error]
    why = f", the first with {first_line(errors[0])}" if errors else ""
    end = f"{header.status}, {first_line(header.error.message)}" if header.error else header.status
    said = [f"cut off ({end})"] * (header.status != "success")
    said += [f"{len(invalid)} of {len(samples)} attempts are invalidated"] * (len(invalid) > 0)
    said += [f"{lost} of {len(samples)} have no score, no fault of the model{why}"] * (lost > 0)
    said += [f"{len(scored)} attempts count"] * (len(said) > 0 or not scored)
    if not scored:
        return None, pd.DataFrame(), "; ".join(said)
    attempts = pd.DataFrame(map(facts, scored)).assign(model=label(header))
    seed = (spec.solver_args_passed or {}).get("seed")
    if seed is not None:  # the same seed makes the same attempt
        made = zip(attempts["model"], attempts["id"], attempts["epoch"])
        attempts["uuid"] = [f"{model} {seed} {row} {epoch}" for model, row, epoch in made]
    return header, attempts, "; ".join(said)


def is_scored(sample: EvalSampleSummary) -> bool:
    score = (sample.scores or {}).get("parity")
    return score is not None and not pd.isna(score.value)


def first_line(error: Any) -> str:
    return str(error).strip().partition("\n")[0][:160]
