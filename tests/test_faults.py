"""What the engine, the host or the command line breaks: no score of 0, and no score that is lost."""

import os
import shutil
import subprocess
import sys

import pytest
from harness import (
    RIGHT,
    ROOT,
    ROW,
    SUBMIT,
    WRONG,
    inspect,
    run_cases,
    score,
    start,
    the_log,
    write,
)
from inspect_ai.log import list_eval_logs, read_eval_log
from messages_api import MessagesAPI

NO_ENGINE = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock."
FAILS_ON = """#!/bin/sh
case "$*" in *{word}*) echo "{error}" >&2; exit 1 ;; esac
exec {docker} "$@"
"""


def engine_that_fails_on(word: str, folder) -> str:
    """A PATH with a docker command that does not find its engine if the word is among its arguments."""
    folder.mkdir()
    text = FAILS_ON.format(word=word, error=NO_ENGINE, docker=shutil.which("docker"))
    (folder / "docker").write_text(text)
    (folder / "docker").chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


@pytest.mark.parametrize("word", ["bad_output", "base64"])
def test_an_engine_that_fails_once(word, docker, tmp_path):
    """For the grader's call only, or while the files are staged: an error of the sample, which says so and has no score;
    the retry repeats it, and the right port passes."""
    with MessagesAPI([write({"model.py": RIGHT}), SUBMIT]) as api:
        broken = engine_that_fails_on(word, tmp_path / "bin")
        settings = {"ANTHROPIC_BASE_URL": api.url}
        run = start(tmp_path / "logs", "--sample-id", ROW["id"], **settings, PATH=broken)
        output, _ = run.communicate(timeout=300)
        assert run.returncode == 0, output
        log = the_log(tmp_path / "logs")
        (sample,) = log.samples
        assert NO_ENGINE in sample.error.message and not sample.scores
        again = inspect("eval-retry", log.location, log_dir=tmp_path / "retried", **settings)
        output, _ = again.communicate(timeout=300)
    assert again.returncode == 0, output
    (sample,) = the_log(tmp_path / "retried").samples
    assert score(sample).value == 1 and not sample.error


def test_scoring_without_a_sandbox(tmp_path):
    """`inspect score` raises, whatever its action, and the scores and sources of the log stay as they are."""
    run_cases({"right": [write({"model.py": RIGHT}), SUBMIT]}, tmp_path, sandbox="local")
    (info,) = list_eval_logs(str(tmp_path))
    before = read_eval_log(info).samples
    arguments = ["--scorer", "scorers/parity.py@parity", "--action", "overwrite", "--overwrite"]
    command = ["inspect", "score", info.name, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode != 0 and "sandbox" in done.stdout + done.stderr
    (info,) = list_eval_logs(str(tmp_path))
    assert read_eval_log(info).samples == before


@pytest.mark.parametrize("name", ["tools", "scorers", "reference"])
def test_an_installed_package_of_the_same_name(name, tmp_path):
    """Ours is taken, as a package of mako is called tools."""
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").write_text("raise ImportError('not ours')")
    command = [sys.executable, "-c", f"import runpy; runpy.run_path('{ROOT}/inspect_task.py')"]
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    subprocess.run(command, cwd=tmp_path, env=environment, check=True, timeout=120)


# A language model on this machine

SOLVER = """
from inspect_ai.model import get_model
from inspect_ai.solver import solver

@solver
def agent(model=None, role=None):
    async def solve(state, generate):
        state.output = await get_model(model, role=role).generate("Say a command.")
        raise RuntimeError("it was asked")
    return solve
"""
MODEL = "anthropic/claude-haiku-4-5"
LOCAL = {  # arguments -> is it refused?
    "the model": (["--model", MODEL], True),
    "a model role": (
        ["--model", "mockllm/model", "--model-role", f"coder={MODEL}", "-S", "role=coder"],
        True,
    ),
    "a solver's own model": (["--model", "none", "-S", f"model={MODEL}"], True),
    "a baseline": (["--model", "none"], False),
}


@pytest.mark.parametrize("case", LOCAL)
def test_the_local_sandbox(case, tmp_path):
    """Refuses a language model, in a line for each sample, before the first request; a baseline runs."""
    arguments, refused = LOCAL[case]
    (tmp_path / "agent.py").write_text(SOLVER)
    solver = f"{tmp_path}/agent.py@agent" if refused else "baselines/vanilla.py@vanilla"
    if case != "the model":
        arguments = [*arguments, "--solver", solver]
    with MessagesAPI([SUBMIT]) as api:
        run = start(tmp_path / "logs", *arguments, "--sandbox", "local", ANTHROPIC_BASE_URL=api.url)
        output, _ = run.communicate(timeout=120)
    assert run.returncode == 0 and not api.requests, output
    for sample in the_log(tmp_path / "logs").samples:
        assert bool(sample.scores) != refused and bool(sample.error) == refused
        assert not refused or "the local sandbox does not isolate" in sample.error.message
    assert "Traceback" not in output


# What an agent cannot do to its neighbours, or to its own budget


def test_the_turn_limit(tmp_path):
    """Ends an attempt whose conversation is cut again and again; the log says so, and the port is scored."""
    from inspect_task import orphan_checkpoint

    assert orphan_checkpoint().turn_limit == 400
    script = [write({"model.py": WRONG}), ("bash", {"command": "true"})]
    sample = run_cases({"endless": script}, tmp_path, sandbox="local", turn_limit=12)["endless"]
    assert sample.limit.type == "turn" and sample.limit.limit == 12
    assert score(sample).value == 0
