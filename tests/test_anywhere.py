"""From another folder, by an absolute path, with foreign packages that have the names of ours."""

import json
import os
import subprocess
import tomllib

import click
import pytest
from inspect_ai import list_tasks
from inspect_ai.log import list_eval_logs, read_eval_log
from inspect_ai.model import get_model_info
from inspect_ai.util import SandboxEnvironmentSpec

import inspect_task
from guards.arguments import chosen_rows
from guards.prices import set_prices
from tests.made_logs import MODEL, ROOT, log, save


def test_the_task_runs_from_anywhere(tmp_path):
    """A folder with a space and an accent; packages like those of Alembic's Mako come first on the path."""
    folder = tmp_path / "été un"
    for name in ("tools", "scorers", "reference", "baselines", "difficulty", "identification"):
        (tmp_path / "site" / name).mkdir(parents=True)
        (tmp_path / "site" / name / "__init__.py").write_text(
            "raise ImportError('a foreign package')"
        )
    folder.mkdir()
    (folder / "mine.jsonl").write_bytes((ROOT / "dataset.jsonl").read_bytes())
    words = [
        "inspect",
        "eval",
        f"{ROOT}/inspect_task.py@orphan_checkpoint",
        "-T",
        "dataset=mine.jsonl",
    ]
    words += ["-T", "departures=1,2", "--limit", "1", "--model", "none", "--sandbox", "local"]
    words += ["--solver", f"{ROOT}/baselines/search.py@search", "-S", "knowledge=0"]
    words += ["--display", "plain"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site"), "COLUMNS": "300"}
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (info,) = list_eval_logs(str(folder / "logs"))
    log = read_eval_log(info)
    (sample,) = log.samples
    assert log.results.headline.metric == "pass_all"  # what inspect view shows first
    assert log.eval.dataset.name == str(folder / "mine.jsonl")
    assert sample.scores["parity"].value == 0


@pytest.mark.parametrize("way", ["link", "dots"])
def test_the_working_directory_comes_first(way, tmp_path):
    """However the repository is reached, the file of the working directory is read: it has row 1 only."""
    (tmp_path / "link").symlink_to(ROOT)
    (tmp_path / "dataset.jsonl").write_text((ROOT / "dataset.jsonl").read_text().splitlines()[0])
    folder = {"link": "link", "dots": os.path.relpath(ROOT, tmp_path)}[way]
    words = ["inspect", "eval", f"{folder}/inspect_task.py", "-T", "departures=2"]
    words += ["--model", "mockllm/model"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
    said = " ".join((done.stdout + done.stderr).split())
    assert f"departures=2: {tmp_path}/dataset.jsonl has rows with 1" in said


@pytest.mark.parametrize("dataset", [None, "./dataset.jsonl"])
def test_a_retry_reads_the_rows_of_its_run(dataset, tmp_path):
    """From another folder too, which may have a file of the same name: ours has four rows."""
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    row = (ROOT / "dataset.jsonl").read_text().splitlines()[1]
    (here / "dataset.jsonl").write_text(row)
    made = log([], model="none/none", solver=f"{ROOT}/baselines/search.py@search")
    made.status = "cancelled"
    made.eval.solver_args = made.eval.solver_args_passed = {"knowledge": 0}
    made.eval.task_file, made.eval.sandbox = (
        f"{ROOT}/inspect_task.py",
        SandboxEnvironmentSpec("local"),
    )
    made.eval.dataset.name = f"{here}/dataset.jsonl"
    made.eval.task_args = {"dataset": dataset} if dataset else {}
    save(made, here / "a.eval")
    words = ["inspect", "eval-retry", "../here/a.eval", "--display", "none"]
    words += ["--log-dir", f"{there}/logs"]
    done = subprocess.run(words, cwd=there, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (info,) = list_eval_logs(f"{there}/logs")
    assert [sample.id for sample in read_eval_log(info).samples] == [json.loads(row)["id"]]


def test_a_command_of_others_is_no_inspect_eval():
    """A trainer's own command line may have a --model."""
    command = click.Command("train", params=[click.Option(["--model"])])
    with command.make_context("train", ["--model", "x"]):
        assert chosen_rows("dataset.jsonl", 1)[1][0].departures == 1


def test_one_task_is_listed():
    assert [task.name for task in list_tasks(root_dir=ROOT)] == ["orphan_checkpoint"]


@pytest.mark.parametrize("given", [[], ["--model", "none"]])
def test_without_a_model(given, tmp_path):
    """.env names the default model, for this folder alone: elsewhere a line says what to do, and nothing runs."""
    environment = {name: os.environ[name] for name in os.environ if "INSPECT" not in name}
    words = ["inspect", "eval", f"{ROOT}/inspect_task.py@orphan_checkpoint", *given]
    done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert (done.stdout + done.stderr).strip() == f"no model: add --model {MODEL}, or another one"
    assert not list_eval_logs(str(tmp_path / "logs"))


def test_prices_hold_for_the_default_model_and_its_dated_name():
    for name in (MODEL, f"{MODEL}-20251001"):
        assert get_model_info(name).cost.output == 5.0


def test_a_model_that_inspect_does_not_know_has_a_price(tmp_path):
    (tmp_path / "costs.yaml").write_text((ROOT / "costs.yaml").read_text().replace(MODEL, "my/own"))
    set_prices(tmp_path / "costs.yaml")
    assert get_model_info("my/own").cost.output == 5.0


def test_the_version_has_one_home():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["tool"]["setuptools"]["dynamic"]["version"]["attr"] == "inspect_task.VERSION"
    assert inspect_task.orphan_checkpoint().version == inspect_task.VERSION


def test_an_installation_brings_no_modules_of_ours():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["tool"]["setuptools"]["py-modules"] == []
    needed = {word.split(">")[0] for word in project["project"]["dependencies"]}
    assert needed == {"inspect-ai", "anthropic", "numpy", "scipy"}
