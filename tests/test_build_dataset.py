"""The rows of a dataset: what is written, what is refused when it is read, and what the task's own four promise."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from attempts import read
from build_dataset import LADDER, main, suits_the_ladder
from difficulty.choose import NEAR, candidates
from difficulty.find_rates import fit
from reference.architecture import RARITY, Architecture, departures
from reference.rows import Row, digest, load
from scorers.parity import TOLERANCE
from tests.made_logs import log, sample, save
from variants.certificate import HONEST, MARGIN, is_certified, is_silent, shows_at_position_0

ROOT = Path(__file__).parents[1]
LINES = (ROOT / "dataset.jsonl").read_text(encoding="utf-8").splitlines()
ROWS = [Row.model_validate_json(line) for line in LINES]


def architecture_of(row):
    return Architecture(**row.architecture)


# The task's own dataset


def test_the_dataset_is_a_ladder():
    assert [row.departures for row in ROWS] == list(LADDER)
    assert all(suits_the_ladder(row) for row in ROWS)
    names = [name for row in ROWS for name in row.architecture if name != "heads"]
    assert len(names) == len(set(names))  # no choice stands in two rows


@pytest.mark.parametrize("row", ROWS, ids=[row.departures for row in ROWS])
def test_a_row_is_certified_and_its_hash_holds(row):
    assert is_certified(architecture_of(row), load(row))


def test_each_row_mixes_kinds_of_departures():
    first, *others = ROWS
    (name,) = departures(architecture_of(first))
    assert RARITY[name] == "common"
    assert is_silent(name, architecture_of(first))
    for row in others:
        architecture, traces = architecture_of(row), load(row)[0]
        hidden = departures(architecture)
        assert {is_silent(name, architecture) for name in hidden} == {True, False}
        assert {shows_at_position_0(name, architecture, traces) for name in hidden} == {True, False}
        assert {RARITY[name] for name in hidden} == LADDER[row.departures]


def test_one_command_makes_it(tmp_path):
    """From its seed, which each row keeps."""
    command = [sys.executable, "build_dataset.py", "--ladder", "--seed", ROWS[0].seed]
    out = tmp_path / "rows.jsonl"
    run = subprocess.run([*command, "--out", out], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert out.read_text().splitlines() == LINES


def test_every_row_carries_the_canary():
    assert len({row.canary for row in ROWS}) == 1
    assert ROWS[0].canary.split()[1].rstrip(",") in (ROOT / "docs/verifier.md").read_text()


def test_margins_are_multiples_of_the_tolerance():
    assert pytest.approx(10 * TOLERANCE) == MARGIN
    assert pytest.approx(TOLERANCE / 5) == HONEST


# Rows that this code would not write

GOOD = json.loads(LINES[1])
BAD = {
    "a field too many": GOOD | {"more": 1},
    "no id": {name: value for name, value in GOOD.items() if name != "id"},
    "a seed of more than 128 bits": GOOD | {"seed": "f" * 33},
    "a seed that is no number": GOOD | {"seed": "xyz"},
    "a negative number": GOOD | {"number": -1},
    "a number in quotes": GOOD | {"number": "1"},
    "another count": GOOD | {"departures": 3},
    "true for a count": GOOD | {"departures": True},
    "no heads": GOOD | {"architecture": {"norm_eps": 1e-5, "sinks": True}},
    "heads that no variant has": GOOD | {"architecture": {"heads": 3, "norm_eps": 1e-5}},
    "an unknown choice": GOOD | {"architecture": {"heads": 4, "sinks": True, "colour": "red"}},
    "an unknown setting": GOOD | {"architecture": {"heads": 4, "sinks": True, "block": "x"}},
    "a baseline": GOOD | {"architecture": {"heads": 4, "sinks": True, "block": "pre"}},
    "1 for true": GOOD | {"architecture": {"heads": 4, "sinks": 1, "block": "post"}},
    "three digits": GOOD | {"architecture": {"heads": 4, "sinks": True, "norm_eps": 1.23e-5}},
    "no canary": {name: value for name, value in GOOD.items() if name != "canary"},
}


def test_the_good_row_is_good():
    assert Row.model_validate_json(json.dumps(GOOD)) == ROWS[1]


@pytest.mark.parametrize("what", BAD)
def test_a_row_that_this_code_would_not_write_is_refused(what):
    with pytest.raises(ValueError, match="validation error"):
        Row.model_validate_json(json.dumps(BAD[what]))


@pytest.mark.parametrize(
    "change", [{"hash": "0" * 16}, {"number": GOOD["number"] + 1}, {"seed": "abc"}]
)
def test_another_variant_is_refused_when_it_is_loaded(change):
    row = Row(**(GOOD | change))
    with pytest.raises(ValueError, match=f"row {row.id}: hash"):
        load(row)


def test_the_hash_sees_thousandths_but_not_the_sign_of_zero():
    calls = load(ROWS[0])
    (first, *others) = calls

    def moved(by):
        return digest([first._replace(logits=first.logits + by), *others])

    assert moved(1e-9) == digest(calls)
    assert moved(2e-3) != digest(calls)
    zero = first._replace(logits=0 * first.logits)
    assert digest([zero]) == digest([zero._replace(logits=-0.0 * abs(first.logits))])


# The command


def test_fresh_seeds_are_printed_and_kept(tmp_path, monkeypatch, capsys):
    seeds = set()
    for name in ("one.jsonl", "two.jsonl"):
        out = tmp_path / name
        arguments = ["build_dataset.py", "--departures", "1", "--count", "2", "--out", str(out)]
        monkeypatch.setattr(sys, "argv", arguments)
        main()
        rows = [Row.model_validate_json(line) for line in out.read_text().splitlines()]
        assert len({row.id for row in rows}) == len({row.number for row in rows}) == 2
        (seed,) = {row.seed for row in rows}
        assert seed in capsys.readouterr().out
        assert len(seed) == 32
        seeds.add(seed)
    assert len(seeds) == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ["--count", "0"],
        ["--count", "20001"],
        ["--departures", "13"],
        ["--departures", "0"],
        ["--departures", "two"],
        ["--rate", "25"],
        ["--seed", "-1"],
        ["--seed", "f" * 33],
        ["--out", "no/such/folder/rows.jsonl"],
        ["--out", "."],
        ["--like", "logs", "--ladder"],
        ["--departures", "3", "--ladder"],
    ],
)
def test_bad_arguments_are_refused_in_one_line(arguments, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["build_dataset.py", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert arguments[0] in capsys.readouterr().err.splitlines()[-1]
    assert not list(tmp_path.iterdir())


def test_rows_that_a_model_should_pass_at_a_rate(tmp_path, monkeypatch):
    """It finds each departure in 85% of its attempts."""
    random, samples = np.random.default_rng(0), []
    for number, names in enumerate(candidates(random, 80)):
        missed = [name for name in names if random.random() > 0.85]
        row = {"id": f"row-{number}", "departures": len(names)}
        row["architecture"] = dict.fromkeys(["heads", *names])
        told = {"found": [*names.difference(missed)], "missed": missed}
        samples.append(sample(row, passed=not missed, **told))
    save(log(samples), tmp_path / "a.eval")
    out = tmp_path / "train.jsonl"
    words = ["--like", str(tmp_path / "a.eval"), "--rate", "0.5", "--count", "4", "--out", str(out)]
    monkeypatch.setattr(sys, "argv", ["build_dataset.py", *words])
    main()
    rows = [Row.model_validate_json(line) for line in out.read_text().splitlines()]
    rates = fit([*read([str(tmp_path)])[1]["told"]], RARITY).pass_rates(
        [departures(architecture_of(row)) for row in rows]
    )
    assert len(rows) == 4 and all(abs(rates.mean(0) - 0.5) <= NEAR / 2)


def test_a_dataset_of_another_version_can_be_made_anew(tmp_path):
    """The rows in the way are not read."""
    (tmp_path / "dataset.jsonl").write_text(LINES[0].replace(ROWS[0].hash, "0" * 16))
    command = [sys.executable, ROOT / "build_dataset.py", "--departures", "1"]
    command += ["--out", "dataset.jsonl"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert load(Row.model_validate_json((tmp_path / "dataset.jsonl").read_text()))


def test_logs_that_are_not_there_leave_the_file_as_it_is(tmp_path, monkeypatch):
    out = tmp_path / "train.jsonl"
    out.write_text("rows")
    arguments = ["build_dataset.py", "--like", f"{tmp_path}/none", "--out", f"{out}"]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(SystemExit, match="give logs with scored attempts of one model"):
        main()
    assert out.read_text() == "rows"
