"""From another folder, by an absolute path, with foreign packages that have the names of ours."""

import os
import subprocess
import tomllib

from inspect_ai.log import list_eval_logs, read_eval_log
from inspect_ai.model import get_model_info

import inspect_task
from tests.made_logs import MODEL, ROOT


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


def test_without_a_model(tmp_path):
    """.env names the default model, for this folder alone: elsewhere a line says what to do, and nothing runs."""
    environment = {name: os.environ[name] for name in os.environ if "INSPECT" not in name}
    words = ["inspect", "eval", f"{ROOT}/inspect_task.py@orphan_checkpoint"]
    done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert (done.stdout + done.stderr).strip() == f"no model: add --model {MODEL}, or another one"
    assert not list_eval_logs(str(tmp_path / "logs"))


def test_prices_hold_for_the_default_model_and_its_dated_name():
    for name in (MODEL, f"{MODEL}-20251001"):
        assert get_model_info(name).cost.output == 5.0


def test_the_version_has_one_home():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["tool"]["setuptools"]["dynamic"]["version"]["attr"] == "inspect_task.VERSION"
    assert inspect_task.orphan_checkpoint().version == inspect_task.VERSION


def test_an_installation_brings_no_modules_of_ours():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["tool"]["setuptools"]["py-modules"] == []
    needed = {word.split(">")[0] for word in project["project"]["dependencies"]}
    assert needed == {"inspect-ai", "anthropic", "numpy", "scipy"}
