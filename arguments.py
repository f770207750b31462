"""The task's arguments: the file of the dataset, and its rows that run; or one line that says what is wrong."""

from pathlib import Path
from typing import Any

from inspect_ai._util.error import PrerequisiteError  # the only error that Inspect prints as a line
from pydantic import ValidationError

from reference.rows import Row, load


def chosen_rows(dataset: Any, departures: Any) -> tuple[Path, list[Row]]:
    """The file that is read, looked for in the working directory and then beside this one; and its rows: all, or
    those with so many departures, 4 or [2, 4] or "2,4"."""
    path = Path(str(dataset)).expanduser()
    if not path.is_file():
        path = Path(__file__).parent / path
    if not isinstance(dataset, str | Path) or not path.is_file():
        raise PrerequisiteError(f"dataset={dataset!r}: give the path of a .jsonl file that exists")
    rows = read_rows(path)
    there = {str(row.departures) for row in rows}
    asked = departures if isinstance(departures, list | tuple) else str(departures).split(",")
    wanted = there if departures is None else {str(one).strip() for one in asked}
    if not wanted or wanted - there:
        known = ", ".join(sorted(there, key=int))
        raise PrerequisiteError(f"departures={departures!r}: {path} has rows with {known}")
    return path.absolute(), [row for row in rows if str(row.departures) in wanted]


def read_rows(path: Path) -> list[Row]:
    """Every row of a dataset. That this code makes the variant that is meant is checked on the first only: each takes
    tens of milliseconds. A PrerequisiteError names line, row and field."""
    rows: list[Row] = []
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        try:
            rows.append(Row.model_validate_json(line))
        except ValidationError as error:
            fault, start = error.errors()[0], line[:30].decode(errors="replace")
            what = f"{'.'.join(map(str, fault['loc']))} {fault['msg']}"
            raise PrerequisiteError(f"{path}, line {number}, {start}...: {what}") from None
    if not rows:
        raise PrerequisiteError(f"{path} has no rows: build_dataset.py writes some")
    try:
        load(rows[0])
    except ValueError as error:
        raise PrerequisiteError(f"{path}: {error}") from None
    return rows
