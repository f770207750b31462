"""What `inspect eval` is asked for: the dataset and its rows that run; or one line that says what is wrong."""

import gc
import os
from inspect import signature
from pathlib import Path
from typing import Any

from click import get_current_context
from inspect_ai import list_tasks
from inspect_ai._util.error import PrerequisiteError  # the only error that Inspect prints as a line
from inspect_ai.log import read_eval_log
from inspect_ai.model import get_model
from pydantic import TypeAdapter, ValidationError

from guards.isolation import NO_SERVICE, REFUSAL
from reference.rows import Row, load

ROOT = Path(__file__).resolve().parents[1]
START = signature(list_tasks).parameters["root_dir"].default
"""The working directory when Inspect was imported. To load a task, it goes to the task's folder."""
ROWS = TypeAdapter(list[Row])


def chosen_rows(dataset: Any, departures: Any) -> tuple[Path, list[Row]]:
    """The file that is read, from the working directory or else from this repository; and its rows:
    all, or those with so many departures, 4 or [2, 4] or "2,4"."""
    command = get_current_context(silent=True)
    options = command.params if command else {}
    if "run_config" in options:  # of `inspect eval`
        refuse_what_cannot_run(options)
        gc.freeze()  # what is imported stays: looking through it again and again slows 20,000 rows
    folder = START if Path.cwd() == ROOT else Path.cwd()
    places = [folder / os.path.expanduser(str(dataset)), ROOT / str(dataset)]
    for log in options.get("log_files", ()):  # of `inspect eval-retry`, perhaps from another folder
        log = log if "://" in str(log) else START / log
        used = str(read_eval_log(log, header_only=True).eval.dataset.name)
        if used.endswith(os.path.normpath(str(dataset))):
            places.insert(0, Path(used))
    path = next(filter(os.path.isfile, places), None)  # Path.is_file raises for very long names
    if path is None or not isinstance(dataset, str | Path):
        raise PrerequisiteError(f"dataset={dataset!r}: give the path of a .jsonl file that exists")
    rows = read_rows(path)
    asked = departures if isinstance(departures, list | tuple) else str(departures).split(",")
    there = {str(row.departures) for row in rows}
    wanted = there if departures is None else {str(one).strip() for one in asked}
    if not wanted or wanted - there:
        known = ", ".join(sorted(there, key=int))
        raise PrerequisiteError(f"departures={departures!r}: {path} has rows with {known}")
    return path, [row for row in rows if str(row.departures) in wanted]


def refuse_what_cannot_run(asked: dict[str, Any]) -> None:
    """A command without a model, or with a language model in the local sandbox."""
    model = str(get_model())
    if model.startswith("none/") and not (asked["solver"] or asked["run_config"]):
        raise PrerequisiteError("no model: add --model anthropic/claude-haiku-4-5, or another one")
    models = [model, *(role.partition("=")[2] for role in asked["model_role"])]
    acts = any(not name.startswith(NO_SERVICE) for name in models)
    if acts and str(asked["sandbox"]).startswith("local"):
        raise PrerequisiteError(REFUSAL)


def read_rows(path: Path) -> list[Row]:
    """Every row of a dataset. Only the first has its hash checked: building a variant takes time."""
    try:
        # one array, which has as many lines
        lines = b",\n".join(path.read_bytes().rstrip().splitlines())
        rows = ROWS.validate_json(b"[" + lines + b"]")
        if not rows:
            raise ValueError("the file has no rows")
        load(rows[0])
    except ValidationError as error:
        line, *field = error.errors()[0]["loc"] or (None,)
        place = "" if line is None else f"line {int(line) + 1} {'.'.join(map(str, field))}: "
        raise PrerequisiteError(f"{path}: {place}{error.errors()[0]['msg']}") from None
    except (OSError, ValueError) as error:
        raise PrerequisiteError(f"{path}: {error}") from None
    return rows
