"""Every honest way to write a port, of tests/ports/, through the whole task: each passes every row.

NAME.py is a submission. Beside it stand the lost model's own code, port.py; the row's choices, config.py; the
naive model; and the modules of ports/beside/. NAME.sh is what an agent does where that code is its model.py.
To add a port, add a file.
"""

from pathlib import Path

import pytest

from tests.harness import CHECK, ROWS, SUBMIT, original, run_cases, score, told, write

FOLDER = Path(__file__).parent / "ports"
FILES = {file.stem: file for file in sorted(FOLDER.iterdir()) if file.is_file()}
CASES = {f"{name} {row['id']}": (FILES[name], row) for name in FILES for row in ROWS}


def script(file: Path, row: dict) -> list:
    if file.suffix == ".sh":
        port = write({"model.py": original(row)})
        return [CHECK, port, ("bash", {"command": file.read_text()}), CHECK, SUBMIT]
    config = f"from port import Architecture\nA = Architecture(**{row['architecture']})\n"
    helpers = [FOLDER.with_name("naive.py"), *(FOLDER / "beside").glob("*.py")]
    files = {
        "model.py": file.read_text(),
        "port.py": original(row),
        "config.py": config,
        **{helper.name: helper.read_text() for helper in helpers},
    }
    return [CHECK, write(files), CHECK, SUBMIT]


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    """Port and row -> sample, of one run."""
    scripts = {case: script(*CASES[case]) for case in CASES}
    rows = {case: row["id"] for case, (_, row) in CASES.items()}
    return run_cases(scripts, tmp_path_factory.mktemp("ports"), rows, sandbox="local")


@pytest.mark.parametrize("name", FILES)
def test_port(name, samples):
    """1 on every row."""
    outcomes = {row["id"]: score(samples[f"{name} {row['id']}"]) for row in ROWS}
    failed = {row: outcome.explanation for row, outcome in outcomes.items() if outcome.value != 1}
    assert not failed
    assert {outcome.metadata["reason"] for outcome in outcomes.values()} == {"passed"}


def test_check_port_agrees(samples):
    """The agent's check sees a right port right, on the traces, and needs a port."""
    for case, sample in samples.items():
        without, *_, checked = told(sample)
        assert without == "model.py not found"
        assert checked.endswith("within 5e-4 on the traces"), case
