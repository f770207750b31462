"""From logs to attempts, to what is said of them, and to the next command."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from inspect_ai.log import (
    EvalDataset,
    EvalError,
    EvalSampleLimit,
    ProvenanceData,
    edit_score,
    invalidate_samples,
)
from inspect_ai.scorer import Score, ScoreEdit

import report
from attempts import read
from difficulty.find_rates import fit
from reference.architecture import RARITY
from scorers.pass_rate import interval
from tests.made_logs import ROOT, ROWS, attempts, log, sample, save

EIGHT = [name for name in ROWS[3]["architecture"] if name != "heads"]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Every test has a working directory of its own, as reports are written there."""
    monkeypatch.chdir(tmp_path)


def run(monkeypatch, capsys, *arguments):
    """Exit code, standard output and lines of standard error of the command."""
    monkeypatch.setattr(sys, "argv", ["report.py", *map(str, arguments)])
    code = 0
    try:
        report.main()
    except SystemExit as end:
        code = end.code
    printed = capsys.readouterr()
    return code, printed.out, printed.err.splitlines()


# What counts


def test_a_log_gives_a_row_for_each_attempt(tmp_path):
    path = save(log(attempts(9, 6, 2, 1)), tmp_path / "a.eval")
    headers, every, notes = read([path])
    assert (len(headers), len(every), notes) == (1, 40, [])
    assert every.groupby("departures")["passed"].sum().tolist() == [9, 6, 2, 1]
    first = every.iloc[0]
    effort = ["working_time", "input_tokens", "output_tokens"]
    assert first[effort].tolist() == [60, 900, 100]
    assert first["told"].found == first["told"].departures and first["reason"] == "passed"


def test_invalidated_attempts_are_left_out_and_counted(tmp_path):
    made = log(attempts(2, epochs=3))
    uuids = [made.samples[0].uuid, made.samples[2].uuid]
    made = invalidate_samples(made, uuids, ProvenanceData(author="me", reason="wrong key"))
    _, every, notes = read([save(made, tmp_path / "a.eval")])
    assert every["epoch"].tolist() == [2]
    assert notes == [f"{tmp_path / 'a.eval'}: 2 of 3: invalidated; 1 attempts count"]


def test_a_retried_log_counts_what_it_keeps_once(tmp_path):
    samples = attempts(2, epochs=3)
    why = ProvenanceData(author="me", reason="wrong key")
    save(invalidate_samples(log(samples), [samples[0].uuid], why), tmp_path / "a.eval")
    save(log([sample(epoch=1), *samples[1:]]), tmp_path / "b.eval")
    assert sorted(read([str(tmp_path)])[1]["epoch"]) == [1, 2, 3]


def test_an_attempt_that_a_retry_makes_anew_counts_as_it_first_was(tmp_path):
    """Inspect makes a sample with an error anew, even if it has a score."""
    first, again = log([sample(passed=False)]), log([sample(passed=True)])
    again.eval.task_id, again.eval.created = first.eval.task_id, "2026-01-03T03:04:05+00:00"
    save(again, tmp_path / "a.eval")
    save(first, tmp_path / "b.eval")
    assert read([str(tmp_path)])[1]["passed"].tolist() == [False]


def test_faults_of_the_engine_are_told_apart(tmp_path):
    made = log(attempts(1, epochs=4))
    error = EvalError(message="Docker is gone\nmore", traceback="", traceback_ansi="")
    broken = {"scores": None, "error": error}
    unscored = {"scores": {"parity": Score.unscored()}}
    for place, change in ((3, broken), (2, unscored), (1, {"error": error})):
        made.samples[place] = made.samples[place].model_copy(update=change)
    _, every, notes = read([save(made, tmp_path / "a.eval")])
    assert every["epoch"].tolist() == [1, 2]  # what broke and was scored all the same counts
    (line,) = notes
    for said in ("(unscored)", "(Docker is gone)"):
        assert f"1 of 4: no score, no fault of the model {said}; " in line
    assert line.endswith("; 2 attempts count")


@pytest.mark.parametrize("value", [1, 1.0, "C", True])
def test_a_score_that_was_edited_to_a_pass_is_no_failure(value, tmp_path):
    made = log([sample(missed=["activation"], reason="wrong_mlp")])
    edit = ScoreEdit(value=value, provenance=ProvenanceData(author="me", reason="looked at it"))
    edit_score(made, made.samples[0].id, "parity", edit, recompute_metrics=False)
    (attempt,) = read([save(made, tmp_path / "a.eval")])[1].to_dict("records")
    assert attempt["passed"] and attempt["reason"] == "passed" and not attempt["told"].missed


def test_a_score_that_was_edited_to_a_failure_says_so(tmp_path):
    made = log([sample(passed=True)])
    edit = ScoreEdit(value=0, provenance=ProvenanceData(author="me", reason="looked at it"))
    edit_score(made, made.samples[0].id, "parity", edit, recompute_metrics=False)
    (attempt,) = read([save(made, tmp_path / "a.eval")])[1].to_dict("records")
    assert not attempt["passed"] and attempt["reason"] == "edited"


def test_samples_are_not_loaded(tmp_path, monkeypatch):
    """Only headers and summaries: a sample may hold a transcript of megabytes."""
    path = save(log(attempts(1, 1)), tmp_path / "a.eval")
    for name in ("read_eval_log_samples", "read_eval_log_samples_by_id", "read_eval_log_sample"):
        monkeypatch.setattr(f"inspect_ai.log.{name}", pytest.fail)
    assert len(read([path])[1]) == 20


FAULTS = {  # how a log is spoiled -> what the line says, attempts that count
    "another task": (
        {"task": "gsm8k"},
        {},
        "left out: of task gsm8k, version 2, not of task orphan_",
        0,
    ),
    "another version": (
        {"task_version": 1},
        {},
        "left out: of task orphan_checkpoint, version 1",
        0,
    ),
    "no samples": ({}, {"samples": []}, "0 attempts count", 0),
    "started": ({}, {"status": "started", "samples": []}, "cut off (started); 0 attempts count", 0),
    "cancelled": ({}, {"status": "cancelled"}, "cut off (cancelled); 4 attempts count", 4),
    "failed": (
        {},
        {"status": "error", "error": EvalError(message="E\nF", traceback="", traceback_ansi="")},
        "cut off (E); 4 attempts count",
        4,
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_log_that_does_not_count_in_full_is_one_line(fault, tmp_path):
    of_eval, of_log, said, number = FAULTS[fault]
    made = log(attempts(1, epochs=4), **of_eval).model_copy(update=of_log)
    headers, every, (line,) = read([save(made, tmp_path / "a.eval")])
    assert line.startswith(f"{tmp_path / 'a.eval'}: ") and said in line and "\n" not in line
    assert (len(headers), len(every)) == (int(number > 0), number)


def test_what_is_no_log_is_one_line(tmp_path, monkeypatch, capsys):
    whole = save(log(attempts(1)), tmp_path / "torn.eval")
    torn = Path(whole).read_bytes()[:900]
    files = {
        "text.eval": b"not a zip",
        "text.json": b"{}",
        "notes.md": b"# Notes",
        "torn.eval": torn,
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "empty").mkdir()
    for name in (*files, "empty", "gone"):
        code, _, (line,) = run(monkeypatch, capsys, tmp_path / name)
        assert code == 2 and line.startswith(f"{tmp_path / name}: no log is there, or a broken one")
    code, _, (line,) = run(monkeypatch, capsys, "nowhere://bucket")
    assert code == 2 and line.startswith("nowhere://bucket: cannot be listed (")


def test_the_same_seed_is_the_same_attempt(tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", "runA")):
        arguments = {"solver": "x.py@search", "solver_args_passed": {"seed": seed}}
        made = log([sample(uuid=f"{name}{epoch}", epoch=epoch) for epoch in (1, 2)], **arguments)
        save(made, tmp_path / f"{name}.eval")
    every = read([str(tmp_path)])[1]
    assert len(every) == 4 and set(every["model"]) == {"anthropic/claude-haiku-4-5 search"}


def test_logs_that_are_elsewhere(tmp_path, monkeypatch, capsys):
    """By address; the next command goes on there, the report is written here."""
    save(log(attempts(3, 3, 3, 3)), "memory://bucket/runs/one.eval")
    for place in ("memory://bucket/runs", "memory://bucket/runs/one.eval"):
        code, printed, notes = run(monkeypatch, capsys, place)
        assert (code, notes) == (0, []) and "memory://" in printed
        assert (tmp_path / "report" / "report.md").exists()


# What is said


def test_departures_are_counted_by_what_was_told(tmp_path):
    a, b, c = EIGHT[:3]
    made = log(
        [
            sample(ROWS[3], 1, True),
            sample(
                ROWS[3], 2, found=[a], missed=[b], other_value={c: [1, 2]}, right=["head", "mlp"]
            ),
            sample(ROWS[3], 3, missed=[b], one_of=[[a, c]], right=["head"], added={"sinks": True}),
            sample(ROWS[3], 4),
        ]
    )
    every = read([save(made, tmp_path / "a.eval")])[1]
    posterior = fit([*every["told"]] * 4, RARITY)  # so often that rarity counts for little
    frame = report.found(every, posterior).set_index("departure")
    columns = ["hidden in", "found", "missed", "other value", "not told"]
    assert frame.loc[[a, b, c], columns].to_numpy().tolist() == [
        [4, 2, 0, 0, 2],
        [4, 1, 2, 0, 1],
        [4, 1, 0, 1, 2],
    ]
    rates = frame["find rate"]
    assert max(rates[b][1], rates[c][1]) < rates[a][1]
    common = report.in_common(every).set_index("of failures")
    low, high = interval(2, 3)
    assert common.loc["right: head"].tolist() == [2, (low, 2 / 3, high)]
    counts = {"reason: timeout": 3, "right: head": 2, "right: mlp": 1, "added: sinks": 1}
    assert common["attempts"].to_dict() == counts


def test_rows_have_measured_and_predicted_rates(tmp_path):
    every = read([save(log(attempts(9, 6, 2, 1)), tmp_path / "a.eval")])[1]
    posterior = fit([*every["told"]], RARITY)
    rates = posterior.pass_rates([told.departures for told in every["told"][::10]])
    frame = report.by_row(every, rates)
    assert frame["id"].tolist() == [row["id"] for row in ROWS]
    low, high = interval(6, 10)
    assert frame["measured"].iloc[1] == (low, 0.6, high)
    assert frame["attempts"].tolist() == [10] * 4
    predicted = [rate for _, rate, _ in frame["predicted"]]
    assert all(low < rate < high for low, rate, high in frame["predicted"])
    assert predicted == sorted(predicted, reverse=True)
    swapped = report.by_row(every.iloc[::-1], rates[:, ::-1])
    assert swapped.to_numpy().tolist() == frame.to_numpy().tolist()


def test_of_many_rows_those_with_the_fewest_departures_are_shown(tmp_path):
    every = read([save(log(attempts(9, 6, 2, 1)), tmp_path / "a.eval")])[1]
    many = every.loc[every.index.repeat(20)].assign(id=range(800))
    frame = report.by_row(many, np.full((7, 800), 0.5))
    assert len(frame) == report.MOST_ROWS and set(frame["departures"]) == {1}


ADVICE = {  # passes of ten attempts at each row -> the next command
    "settled": ((20, 20, 10, 5), 50, f"python {ROOT}/build_dataset.py --like "),
    "unclear": ((7, 5, 3, 1), 10, "inspect eval "),
    "too hard": ((0, 0, 0, 0), 30, f"python {ROOT}/calibrate.py --run-config "),
    "too easy": ((10, 10, 10, 9), 10, f"python {ROOT}/calibrate.py --run-config "),
    "one unlucky row": ((6, 0, 0, 0), 10, " "),
}


@pytest.mark.parametrize("case", ADVICE)
def test_there_is_always_a_next_command(case, tmp_path, monkeypatch, capsys):
    passes, epochs, start = ADVICE[case]
    path = save(log(attempts(*passes, epochs=epochs, cost=0.1)), tmp_path / "a.eval")
    code, printed, notes = run(monkeypatch, capsys, path)
    following = printed.splitlines()[2]
    assert (code, notes) == (0, []) and following.startswith("    ") and start in following
    assert ("--budget 5" in following) == ("calibrate.py" in following)
    assert f"{sum(passes)} of {4 * epochs} attempts passed" in printed


def test_of_two_models_each_trains_on_its_own_logs(tmp_path, monkeypatch, capsys):
    """A folder may hold logs of others, too."""
    paths = {}
    for model in ("openai/one", "openai/two"):
        made = log(attempts(20, 20, 10, 5, epochs=50), model=model)
        paths[model] = save(made, tmp_path / f"{model[7:]}.eval")
    printed = run(monkeypatch, capsys, tmp_path)[1]
    for path in paths.values():
        assert f"build_dataset.py --like {path} --rate 0.25 --count 1000" in printed
    printed = run(monkeypatch, capsys, paths["openai/one"])[1]
    assert f"build_dataset.py --like {paths['openai/one']} --rate" in printed


def test_a_folder_of_one_model_is_named_as_a_folder(tmp_path, monkeypatch, capsys):
    for name in "ab":
        save(log(attempts(10, 10, 5, 2, epochs=25)), tmp_path / "my logs" / f"{name}.eval")
    printed = run(monkeypatch, capsys, "my logs")[1]
    assert f"build_dataset.py --like '{tmp_path}/my logs' --rate" in printed


def test_as_often_again_is_every_row_of_the_dataset(tmp_path, monkeypatch, capsys):
    """Also where the last run was of a part of them; and the file of an earlier report stays as it is."""
    save(log(attempts(7, 5, 3, 1)), tmp_path / "all.eval")
    other = log(attempts(5), dataset=EvalDataset(name="/other.jsonl"), created="2026-01-01")
    save(other, tmp_path / "other.eval")
    run(monkeypatch, capsys, tmp_path)
    before = (tmp_path / "report" / "run-all.json").read_text()
    part = log(
        attempts(5, epochs=2),
        config={"limit": 1},
        task_args={"departures": 1},
        created="2027-01-01",
    )
    save(part, tmp_path / "part.eval")
    run(monkeypatch, capsys, tmp_path)
    config = json.loads((tmp_path / "report" / "run-part.json").read_text())
    assert sorted(config["eval_config"]["sample_id"]) == sorted(row["id"] for row in ROWS)
    assert config["eval_config"]["epochs"] == 11 and not config["eval_config"].get("limit")
    assert config["task"]["args"]["departures"] is None
    assert (tmp_path / "report" / "run-all.json").read_text() == before


@pytest.mark.parametrize("passes", [(7, 5, 3, 1), (0, 0, 0, 0)])
def test_after_a_calibration_its_dataset_is_run(passes, tmp_path, monkeypatch, capsys):
    """Whether its attempts were in the band or not; the new logs are none of a calibration."""
    made = log(attempts(*passes), metadata={"options": "sha256-0"})
    save(made, tmp_path / "logs" / "a.eval")
    (following,) = [
        line
        for line in run(monkeypatch, capsys, tmp_path / "logs")[1].splitlines()
        if line[:4] == "    "
    ]
    assert following.startswith("    inspect eval --run-config ")
    assert following.endswith(f" --log-dir {tmp_path}/measured")
    config = json.loads((tmp_path / "report" / "run-a.json").read_text())
    assert config["eval_config"]["epochs"] == 10 and not config.get("metadata")
    assert config["task"]["args"]["dataset"] == f"{tmp_path}/dataset.jsonl"


def test_the_report_is_written_into_the_working_directory(tmp_path, monkeypatch, capsys):
    samples = attempts(9, 6, 2, 1)
    path = save(log(samples), tmp_path / "logs" / "a.eval")
    code, _, _ = run(monkeypatch, capsys, path)
    files = {file.name for file in (tmp_path / "report").iterdir()}
    assert code == 0 and files == {"report.md", "rates1.png", "run-a.json"}
    text = (tmp_path / "report" / "report.md").read_text()
    for said in (
        "18 of 40 attempts passed: 45% (31% to 60%)",
        "| reason: timeout | 22 | 100% (85% to 100%) |",
        "| passes | 60 |",
    ):
        assert said in text
    assert all(
        (tmp_path / "report" / name).read_bytes()[1:4] == b"PNG" for name in files if "png" in name
    )


def test_models_stand_one_after_the_other(tmp_path, monkeypatch, capsys):
    save(log(attempts(1, 0), model="openai/weak"), tmp_path / "a.eval")
    save(log(attempts(10, 9), model="openai/strong"), tmp_path / "b.eval")
    code, printed, _ = run(monkeypatch, capsys, tmp_path, "--out", tmp_path / "out")
    assert code == 0 and "openai/weak: 1 of 20" in printed and "openai/strong: 19 of 20" in printed
    assert "## openai/weak" in (tmp_path / "out" / "report.md").read_text()


def test_a_limit_makes_the_rates_invalid(tmp_path, monkeypatch, capsys):
    made = log(attempts(1, 1))
    made.samples[0].limit = EvalSampleLimit(type="turn", limit=400)
    save(made, tmp_path / "a.eval")
    printed = run(monkeypatch, capsys, tmp_path)[1]
    assert "1 attempts were ended by a limit: THE RATES ARE NOT VALID, raise it." in printed


def test_attempts_that_the_service_ended_are_told(tmp_path, monkeypatch, capsys):
    made = log(attempts(1, 1))
    made.samples[0].error = EvalError(message="529 overloaded", traceback="", traceback_ansi="")
    save(made, tmp_path / "a.eval")
    printed = run(monkeypatch, capsys, tmp_path)[1]
    assert "1 attempts were ended by an error, for example of the service, and count." in printed
