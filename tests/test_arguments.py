"""What a user can type as an argument of the task, and the one line that whatever is wrong gets."""

import json
from pathlib import Path

import pytest
from inspect_ai._util.error import PrerequisiteError

from guards.arguments import chosen_rows, read_rows

ROOT = Path(__file__).parents[1]
LINES = (ROOT / "dataset.jsonl").read_text().splitlines()
ROW = json.loads(LINES[0])


def departures(spelled):
    return [row.departures for row in chosen_rows("dataset.jsonl", spelled)[1]]


SPELLINGS = {
    "all": (None, [1, 2, 4, 8]),
    "number": (4, [4]),
    "list": ([2, 4], [2, 4]),
    "text": ("4", [4]),
    "list of texts, as -T departures=2,4 comes": (["2", "4"], [2, 4]),
    "text with commas": ("4, 2", [2, 4]),
    "tuple": ((8,), [8]),
    "twice": ([2, 2], [2]),
}


@pytest.mark.parametrize("case", SPELLINGS)
def test_departures_can_be_spelled(case):
    spelled, expected = SPELLINGS[case]
    assert departures(spelled) == expected


@pytest.mark.parametrize(
    "spelled", [3, 0, -1, True, 2.0, "", "four", "2-4", [], [2, 3], [2, None], {"a": 2}, [[2]]]
)
def test_departures_that_are_not_there_are_told_which_are(spelled):
    assert fault("dataset.jsonl", spelled).endswith("dataset.jsonl has rows with 1, 2, 4, 8")


def fault(dataset, wanted=None):
    """The one line of the error."""
    with pytest.raises(PrerequisiteError) as caught:
        chosen_rows(dataset, wanted)
    (line,) = caught.value.message.splitlines()
    return line


@pytest.mark.parametrize(
    "spelled",
    [
        None,
        "",
        3,
        True,
        2.5,
        ["a.jsonl", "b.jsonl"],
        {},
        "no.jsonl",
        ".",
        "/",
        "docs",
        "~nobody/a.jsonl",
        300 * "a",
        "a\0",
    ],
)
def test_a_dataset_that_is_no_file_is_told_so(spelled):
    assert fault(spelled) == f"dataset={spelled!r}: give the path of a .jsonl file that exists"


def test_the_working_directory_comes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path, rows = chosen_rows("dataset.jsonl", None)
    assert (path, len(rows)) == (ROOT / "dataset.jsonl", 4)
    Path("dataset.jsonl").write_text(LINES[1])
    path, rows = chosen_rows("dataset.jsonl", None)
    assert (path, [row.departures for row in rows]) == (tmp_path / "dataset.jsonl", [2])
    assert chosen_rows(ROOT / "dataset.jsonl", 8)[1][0].departures == 8


WRONG = {
    "empty": ("", "the file has no rows"),
    "not JSON": ("text", "Invalid JSON: expected ident at line 1"),
    "not text": (b"\xff\xfe", "Invalid JSON"),
    "cut off": (
        LINES[0] + "\n" + LINES[1][:100],
        "Invalid JSON: EOF while parsing a string at line 2 column 101",
    ),
    "an empty line": (LINES[0] + "\n\n" + LINES[1], "Invalid JSON: expected value at line 2"),
    "not a row": (LINES[0] + "\n[1]", "line 2 : Input should be an object"),
    "another format": (json.dumps({"id": "a"}), "line 1 seed: Field required"),
    "wrong type": (json.dumps(ROW | {"seed": 7}), "line 1 seed: Input should be a valid string"),
    "another field": (json.dumps(ROW | {"more": 1}), "line 1 more: Extra inputs"),
    "no such choice": (
        json.dumps(ROW | {"architecture": {"heads": 4, "alibi": True}}),
        "architecture: alibi cannot be True",
    ),
    "no such setting": (
        json.dumps(ROW | {"architecture": {"heads": 4, "sinks": 1}}),
        "architecture: sinks cannot be 1",
    ),
    "no heads": (
        json.dumps(ROW | {"architecture": {"sinks": True}}),
        "architecture: heads cannot be None",
    ),
    "other count": (json.dumps(ROW | {"departures": 2}), "departures: architecture has 1"),
    "another model": (json.dumps(ROW | {"number": 3}), f"row {ROW['id']}: hash: this code makes"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_row_that_is_wrong_is_one_line(case, tmp_path):
    text, said = WRONG[case]
    path = tmp_path / "rows.jsonl"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    assert said in fault(path) and str(path) in fault(path)


def test_empty_lines_at_the_end_are_none(tmp_path):
    (tmp_path / "rows.jsonl").write_text(LINES[0] + "\n\n\n")
    assert len(read_rows(tmp_path / "rows.jsonl")) == 1


def test_rows_are_read_without_building_their_variants(tmp_path, monkeypatch):
    built = []
    monkeypatch.setattr("guards.arguments.load", built.append)
    rows = [ROW | {"id": f"row-{number}"} for number in range(1000)]
    (tmp_path / "many.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert len(read_rows(tmp_path / "many.jsonl")) == 1000
    assert [row.id for row in built] == ["row-0"]
