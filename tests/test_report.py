"""The report: its statistics as functions, and whole logs as Inspect writes them."""

import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from harness import ROOT, ROWS
from inspect_ai import eval as run_eval
from inspect_ai._cli.eval import eval_command
from inspect_ai.log import EvalError, EvalSampleLimit, read_eval_log, write_eval_log
from inspect_ai.model import ModelUsage
from inspect_ai.scorer import SampleScore, Score
from scipy.integrate import quad
from scipy.stats import beta, binom

import report
import rungs
from baselines.vanilla import vanilla
from benchmarks import report_statistics
from build_dataset import LADDER, draw
from inspect_task import orphan_checkpoint
from reference.architecture import departures
from scorers.pass_rate import pass_rate

PNG = b"\x89PNG"


def rung_counts(**data):
    """passed and tried of RUNGS, from r4=(3, 10) and so on."""
    passed, tried = np.zeros(12, int), np.zeros(12, int)
    for name, pair in data.items():
        passed[int(name[1:]) - 1], tried[int(name[1:]) - 1] = pair
    return passed, tried


# Statistics


def test_the_probability_of_the_band_is_that_of_the_model_in_the_docstring(monkeypatch):
    """Against quadrature of prior times likelihood, on a grid of three points."""
    mean = np.array([[0.5, 0.9, 0.3]]) * np.array([[0.8, 0.9, 0.6]]) ** rungs.RUNGS[:, None]
    spread = np.array([4.0, 16.0, 64.0])
    for name, value in (("MEAN", mean), ("A", spread * mean), ("B", spread * (1 - mean))):
        monkeypatch.setattr(rungs, name, value)
    data = {2: (6, 10), 5: (2, 7), 12: (0, 3)}
    evidence, inside = np.ones(3), {}
    for k, (s, n) in data.items():
        for g in range(3):
            a, b = rungs.A[k - 1, g], rungs.B[k - 1, g]

            def density(p, a=a, b=b, s=s, n=n):
                return beta.pdf(p, a, b) * binom.pmf(s, n, p)

            every, part = (quad(density, *ends, limit=200)[0] for ends in ((0, 1), (0.1, 0.4)))
            evidence[g] *= every
            inside[k, g] = part / every
    weights = evidence / evidence.sum()
    found = rungs.in_band(*rung_counts(r2=(6, 10), r5=(2, 7), r12=(0, 3)))
    for k in data:
        expected = sum(weights[g] * inside[k, g] for g in range(3))
        assert found[k - 1] == pytest.approx(expected, abs=1e-5)
    untried = weights @ ((mean[6] >= 0.1) & (mean[6] <= 0.4))
    assert found[6] == pytest.approx(untried, abs=1e-5)


def test_the_interval_is_that_of_the_log():
    scores = [
        SampleScore(
            score=Score(value=int(i < 3), metadata={"reason": "some"}),
            sample_metadata={"departures": 4},
        )
        for i in range(10)
    ]
    logged = pass_rate()(scores)
    assert rungs.interval(3, 10) == (logged["low_4"], logged["high_4"])


CHOICES = {  # of 10 attempts at 2, 4, 6, 8 departures: how many passed -> rung, what to do
    "two in the band": ((9, 7, 2, 2), (6, 8), {"train", "repeat"}),
    "the first only": ((3, 0, 0, 0), (2,), {"train", "repeat"}),
    "none passes": ((0, 0, 0, 0), (1,), {"generate"}),
    "all pass": ((10, 10, 10, 10), (12,), {"generate"}),
    "between two": ((10, 9, 0, 0), (5,), {"generate"}),
}


@pytest.mark.parametrize("case", CHOICES)
def test_the_rung(case):
    passes, expected, acts = CHOICES[case]
    data = dict(zip(("r2", "r4", "r6", "r8"), ((s, 10) for s in passes)))
    rung, chance, act = rungs.choose(*rung_counts(**data))
    assert rung in expected and act in acts
    assert 0 <= chance <= 1


def test_many_attempts_settle_the_rung():
    rung, chance, act = rungs.choose(*rung_counts(r4=(190, 200), r6=(50, 200), r8=(2, 200)))
    assert (rung, act) == (6, "train") and chance > 0.99


@pytest.mark.parametrize(
    "data",
    [{"r1": (0, 20)}, {"r12": (20, 20)}, {"r2": (20, 20), "r3": (0, 20)}],
    ids=["too weak", "too strong", "none between"],
)
def test_a_model_that_no_rung_suits(data):
    assert rungs.choose(*rung_counts(**data))[2] == "stop"


def test_more_attempts_settle_as_often_as_is_said():
    """Against simulation: a rate from the posterior, attempts at that rate, and the judgement after them."""
    data, rng = {"r4": (7, 20), "r6": (3, 20)}, np.random.default_rng(0)
    passed, tried = rung_counts(**data)
    more, sure = rungs.to_settle(passed, tried, 6)
    weights, settled = rungs.weights(passed, tried), []
    for point in rng.choice(len(weights), 200, p=weights):
        rate = rng.beta(rungs.A[5, point] + 3, rungs.B[5, point] + 17)
        then = rung_counts(**data | {"r6": (3 + rng.binomial(more, rate), 20 + more)})
        chance = rungs.in_band(*then)[5]
        settled.append(chance >= rungs.SETTLED or chance <= 1 - rungs.SETTLED)
    assert np.mean(settled) == pytest.approx(sure, abs=0.13)
    assert sure >= 0.5


def test_named_rungs_are_in_the_band():
    """The benchmark in small."""
    variants = {k: [list(departures(draw(s, k))) for s in range(300)] for k in LADDER}
    rng = np.random.default_rng(1)
    runs = pd.DataFrame(report_statistics.run(rng, variants, 40, 0.5) for _ in range(120))
    named = runs[runs["act"] == "train"]
    assert len(named) > 50 and named["right"].mean() > 0.9
    assert runs["covered"].mean() > 0.93


# Logs


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """The plain Llama of the baselines on all rows, as a log that others are made from."""
    (log,) = run_eval(
        orphan_checkpoint(),
        solver=vanilla(),
        model="mockllm/model",
        sandbox="local",
        display="none",
        log_dir=str(tmp_path_factory.mktemp("real")),
    )
    assert log.status == "success" and len(log.samples) == len(ROWS)
    return log


def made(real, path, passes=None, epochs=10, model="mockllm/model", **of_eval):
    """A log of that many passes of ten attempts at each rung; the others are those of the real log."""
    log = read_eval_log(real.location)
    log.eval.model, log.eval.solver, log.eval.config.epochs = model, None, epochs
    log.eval.solver_args = log.eval.solver_args_passed = None
    log.eval.eval_id += path.name
    for name, value in of_eval.items():
        setattr(log.eval, name, value)
    samples = []
    for sample in log.samples:
        for epoch in range(1, epochs + 1):
            one = sample.model_copy(deep=True)
            one.epoch, one.uuid = epoch, f"{path.name} {sample.id} {epoch}"
            if epoch <= (passes or {}).get(sample.metadata["departures"], 0):
                score = one.scores["parity"]
                score.value, score.explanation = 1, "passed: worst absolute error 1e-6"
                score.metadata |= {"reason": "passed", "missed": None}
            samples.append(one)
    log.samples = samples
    return log, path


def save(pair):
    log, path = pair
    write_eval_log(log, str(path))
    return str(path)


def run(*arguments):
    """Exit code, standard output, lines of standard error."""
    done = subprocess.run(
        [sys.executable, "report.py", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout, done.stderr.splitlines()


PASSES = {2: 9, 4: 6, 6: 2, 8: 2}


def test_a_real_log_and_nothing_else(real):
    """The command names a rung, a probability and the next command, and writes beside the log."""
    code, printed, notes = run(real.location)
    assert code == 0 and notes == []
    folder = Path(report.folder(real)) / "report"
    assert {path.name for path in folder.iterdir()} == {"report.md", "rungs.png", "found.png"}
    for name in ("rungs.png", "found.png"):
        assert (folder / name).read_bytes().startswith(PNG)
    assert str(folder / "report.md") in printed
    assert "Generate 1 departures, probability " in printed
    assert "python build_dataset.py --departures 1" in printed
    text = (folder / "report.md").read_text()
    for said in ("mockllm/model", "4 of 4 attempts failed: wrong_logits 4", "| 8 | 0 of 1: 0.00 "):
        assert said in text
    assert "0 attempts were ended by a limit\n" in text


def the_command(printed):
    """Its words, and what Inspect's command line makes of them."""
    (line,) = [text for text in printed.splitlines() if "inspect eval" in text]
    words = shlex.split(line)
    return words, eval_command.make_context("eval", words[words.index("eval") + 1 :]).params


def test_the_command_goes_on_where_the_log_ended(real, tmp_path, capsys, monkeypatch):
    """Only the rung, with the solver, its arguments, the sandbox and the folder of the log; another seed."""
    given = {"knowledge": 0.8, "seed": 3}
    solver = {"solver": "baselines/search.py@search", "solver_args_passed": given}
    task = {"task_args_passed": {"dataset": "mine.jsonl", "departures": 2}}
    path = save(made(real, tmp_path / "a.eval", PASSES, **solver, **task))
    assert in_process(monkeypatch, path) == 0
    _, options = the_command(capsys.readouterr().out)
    assert options["t"] == ("dataset=mine.jsonl", "departures=8")
    assert options["s"] == ("knowledge=0.8", "seed=4")
    assert (options["solver"], options["sandbox"]) == ("baselines/search.py@search", "local")
    assert options["model"] == "mockllm/model" and int(options["epochs"]) >= 10


def test_the_command_that_is_printed_runs(real, tmp_path, capsys, monkeypatch):
    """As it is but for the number of epochs; then both logs are one model's."""
    path = save(made(real, tmp_path / "a.eval", PASSES, solver="baselines/vanilla.py@vanilla"))
    assert in_process(monkeypatch, path) == 0
    words, _ = the_command(capsys.readouterr().out)
    words[words.index("--epochs") + 1] = "1"
    done = subprocess.run([*words, "--display", "plain"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    headers, attempts, notes = report.read([str(tmp_path)])
    assert len(headers) == 2 and notes == []
    assert len(attempts) == 41 and attempts["model"].nunique() == 1


FAULTS = {  # how a log is spoiled -> what the line says, exit code
    "of another task": (lambda log: setattr(log.eval, "task", "gsm8k"), "of the task gsm8k", 2),
    "another version": (lambda log: setattr(log.eval, "task_version", 7), "task version 7", 2),
    "no samples": (lambda log: setattr(log, "samples", []), "no samples", 2),
    "started": (
        lambda log: (setattr(log, "status", "started"), log.samples.clear()),
        "cut off (started) before a sample ended",
        2,
    ),
    "cancelled": (
        lambda log: (setattr(log, "status", "cancelled"), log.samples.__delitem__(slice(7, None))),
        "cut off (cancelled); 7 attempts count",
        0,
    ),
    "errors": (
        lambda log: [spoil(sample) for sample in log.samples[:5]],
        "5 of 40 attempts have no score, one after the error Docker is gone",
        0,
    ),
    "errors only": (
        lambda log: [spoil(sample) for sample in log.samples],
        "none of 40 attempts has a score, one after the error Docker is gone",
        2,
    ),
}


def spoil(sample):
    sample.error = EvalError(message="Docker is gone\nmore", traceback="", traceback_ansi="")
    sample.scores = None


@pytest.mark.parametrize("fault", FAULTS)
def test_a_spoiled_log_is_one_clear_line(fault, real, tmp_path, capsys, monkeypatch):
    spoil_it, said, code = FAULTS[fault]
    log, path = made(real, tmp_path / "spoiled.eval", PASSES)
    spoil_it(log)
    save((log, path))
    assert in_process(monkeypatch, path) == code
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{path}: ") and said in line
    assert (tmp_path / "report" / "report.md").exists() == (code == 0)


def in_process(monkeypatch, *arguments):
    """Exit code of the command, run here: a start costs seconds."""
    monkeypatch.setattr(sys, "argv", ["report.py", *map(str, arguments)])
    try:
        report.main()
    except SystemExit as end:
        return end.code
    return 0


def test_what_is_no_log_is_one_clear_line(tmp_path, capsys, monkeypatch):
    (tmp_path / "text.eval").write_text("not a zip")
    (tmp_path / "text.json").write_text("{}")
    (tmp_path / "notes.md").write_text("# Notes")
    (tmp_path / "empty").mkdir()
    said = {"text.eval": "not an Inspect log", "text.json": "not an Inspect log"}
    said |= {"notes.md": "not an Inspect log", "empty": "no log in it", "gone": "no such file"}
    for name, why in said.items():
        assert in_process(monkeypatch, tmp_path / name) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"{tmp_path / name}: ") and why in line


def test_a_torn_log_is_one_clear_line(real, tmp_path, capsys, monkeypatch):
    path = tmp_path / "torn.eval"
    save(made(real, path, PASSES))
    path.write_bytes(path.read_bytes()[:5000])
    assert in_process(monkeypatch, path) == 2
    assert "not an Inspect log, or a broken one" in capsys.readouterr().err


def test_versions_are_not_mixed(real, tmp_path):
    old = save(made(real, tmp_path / "old.eval", PASSES, task_version=0))
    new = save(made(real, tmp_path / "new.eval", PASSES))
    headers, attempts, notes = report.read([old, new])
    assert len(headers) == 1 and len(attempts) == 40
    assert notes == [f"{old}: left out: of task version 0; this is version 1"]


def test_logs_that_are_elsewhere(real, tmp_path, capsys, monkeypatch):
    """By address; the next command goes on there, and the report is written here."""
    address = "memory://bucket/runs"
    log, _ = made(real, Path("one.eval"), PASSES)
    save((log, f"{address}/one.eval"))
    monkeypatch.chdir(tmp_path)
    for place in (address, f"{address}/one.eval"):
        assert in_process(monkeypatch, place) == 0
        printed, notes = capsys.readouterr()
        assert notes == "" and f"--log-dir {address}\n" in printed.replace("///", "//")
        assert (tmp_path / "report" / "report.md").exists()
    assert in_process(monkeypatch, "nowhere://bucket") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("nowhere://bucket: cannot be listed (")


def test_a_log_counts_once_and_so_does_a_seed(real, tmp_path):
    one = save(made(real, tmp_path / "one.eval", PASSES))
    assert len(report.read([one, str(tmp_path), one])[1]) == 40
    seed = {"solver_args_passed": {"seed": 1}, "solver": "x.py@search"}
    for name in "ab":
        save(made(real, tmp_path / f"seed-{name}.eval", PASSES, **seed))
    attempts = report.read([str(tmp_path)])[1]
    assert attempts["model"].value_counts().to_dict() == {
        "mockllm/model": 40,
        "mockllm/model search": 40,
    }


def test_several_models_side_by_side(real, tmp_path, capsys, monkeypatch):
    for name, passes in (("weak", {2: 2}), ("strong", {2: 10, 4: 10, 6: 10, 8: 2})):
        save(made(real, tmp_path / f"{name}.eval", passes, model=f"anthropic/{name}"))
    assert in_process(monkeypatch, tmp_path, "--out", tmp_path / "out") == 0
    printed = capsys.readouterr().out
    assert "anthropic/weak: " in printed and "anthropic/strong: " in printed
    text = (tmp_path / "out" / "report.md").read_text()
    (row,) = [line for line in text.splitlines() if line.startswith("| 8 |")]
    assert "0 of 10: " in row and "2 of 10: 0.20 (0.06-0.51)" in row


def test_a_limit_invalidates_the_figures(real, tmp_path, capsys, monkeypatch):
    log, path = made(real, tmp_path / "limit.eval", PASSES)
    log.samples[0].limit = EvalSampleLimit(type="message", limit=400)
    save((log, path))
    assert in_process(monkeypatch, path) == 0
    said = "1 attempts were ended by a limit: THE FIGURES ARE NOT VALID"
    assert said in capsys.readouterr().out
    assert said in (tmp_path / "report" / "report.md").read_text()


def test_departures_found_and_effort(real, tmp_path):
    """Passes found all; an explained failure all but the missed; an unexplained one tells nothing."""
    log, path = made(real, tmp_path / "x.eval", {4: 2}, epochs=4)
    rung = [sample for sample in log.samples if sample.metadata["departures"] == 4]
    log.samples = rung
    rung[2].scores["parity"].metadata["missed"] = {"sinks": False}
    rung[3].scores["parity"].metadata["missed"] = None
    for sample, cost in zip(rung, (0.1, 0.3, 0.5, 0.7)):
        sample.model_usage = {"m": ModelUsage(input_tokens=1000, output_tokens=10, total_cost=cost)}
    _, attempts, _ = report.read([save((log, path))])
    table = report.found(attempts).set_index("departure")
    assert table.loc["sinks", ["hidden in", "explained", "found"]].to_list() == [4, 3, 2]
    others = set(rung[0].metadata["architecture"]) - {"heads", "sinks"}
    assert set(table.index) == others | {"sinks"}
    assert all(table.loc[name, "found"] == 3 for name in others)
    effort = report.effort({"m": attempts}).splitlines()
    assert effort[2].split(" | ")[-1] == "0.200 |" and effort[3].split(" | ")[-1] == "0.600 |"
    (said,) = [line for line in report.failures("m", attempts) if "not explained" in line]
    assert said.startswith("1 failures")
