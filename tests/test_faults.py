"""What the engine, the host or the command line breaks: no score of 0, and no score that is lost."""

import asyncio
import json
import os
import shutil
import subprocess
import sys

import pytest
from inspect_ai import eval
from inspect_ai.log import list_eval_logs, read_eval_log
from inspect_ai.model import ModelOutput, ModelUsage, get_model
from inspect_ai.solver import solver
from inspect_ai.tool import ToolError, tool

from guards.unbreakable import unbreakable
from inspect_task import orphan_checkpoint
from tests.harness import (
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
from tests.messages_api import MessagesAPI

NO_ENGINE = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock."
FAILING = {"grading": "bad_output", "staging": "base64"}
"""Which call fails -> a word among its arguments."""
KILL = "docker kill $(docker ps -q --filter name=$(echo $* | grep -o 'inspect-[^ ]*' | head -1))"
RESTARTED = "RuntimeError('the engine was restarted during the attempt')"
AT_ONCE = {
    "nothing": ("true", 1),
    "the container dies": (KILL, 0),
    "the engine is restarted": (KILL, RESTARTED),
}
"""What happens before the first call of the grade fails -> a command for it, the score or the error."""
FAILS_ON = """#!/bin/sh
case "$*" in
*{word}*) if {condition}; then echo "{error}" >&2; exit 1; fi ;;
*"network inspect bridge"*) if [ "$RESTARTED" ]; then date -u '+"%FT%TZ"'; exit; fi ;;
esac
exec {docker} "$@"
"""


def engine_that_fails_on(word: str, folder, condition: str = "true") -> str:
    """A PATH with a docker command that does not find its engine if the word is among its arguments,
    and a condition holds."""
    folder.mkdir()
    docker = shutil.which("docker")
    text = FAILS_ON.format(word=word, condition=condition, error=NO_ENGINE, docker=docker)
    (folder / "docker").write_text(text)
    (folder / "docker").chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


@pytest.fixture(scope="module")
def engine_runs(docker, tmp_path_factory):
    """Which call fails -> sample of the run, sample of its retry."""
    folders = {name: tmp_path_factory.mktemp(name) for name in FAILING}
    with MessagesAPI([write({"model.py": RIGHT}), SUBMIT]) as api:
        settings = {"ANTHROPIC_BASE_URL": api.url}
        runs = []
        for name, folder in folders.items():
            path = engine_that_fails_on(FAILING[name], folder / "bin")
            arguments = ["--sample-id", ROW["id"]]
            runs.append(start(folder / "logs", *arguments, **settings, PATH=path))
        outputs = [run.communicate(timeout=300)[0] for run in runs]
        assert not any(run.returncode for run in runs), outputs
        logs = {name: the_log(folder / "logs") for name, folder in folders.items()}
        runs = []
        for name, folder in folders.items():
            again = folder / "retried"
            runs.append(inspect("eval-retry", logs[name].location, log_dir=again, **settings))
        outputs = [run.communicate(timeout=300)[0] for run in runs]
        assert not any(run.returncode for run in runs), outputs
    retried = {name: the_log(folder / "retried") for name, folder in folders.items()}
    return {name: (logs[name].samples[0], retried[name].samples[0]) for name in FAILING}


@pytest.mark.parametrize("name", FAILING)
def test_an_engine_that_fails_once(name, engine_runs):
    """An error of the sample, which says so and has no score; the retry repeats it, and the right port passes."""
    sample, again = engine_runs[name]
    assert NO_ENGINE in sample.error.message and not sample.scores
    assert score(again).value == 1 and not again.error


@pytest.mark.parametrize("before", AT_ONCE)
def test_a_call_of_the_grade_that_fails_once(before, docker, tmp_path):
    """It is made again. A container that was dying is dead by then, and the agent's fault, unless the engine says that
    it started after the attempt did."""
    action, outcome = AT_ONCE[before]
    condition = f"mkdir {tmp_path}/failed 2>/dev/null && {action}"
    path = engine_that_fails_on("bad_output", tmp_path / "bin", condition)
    with MessagesAPI([write({"model.py": RIGHT}), SUBMIT]) as api:
        settings = {"ANTHROPIC_BASE_URL": api.url, "PATH": path}
        settings["RESTARTED"] = "yes" if outcome == RESTARTED else ""
        run = start(tmp_path / "logs", "--sample-id", ROW["id"], **settings)
        output = run.communicate(timeout=300)[0]
    assert (tmp_path / "failed").exists(), output
    (sample,) = the_log(tmp_path / "logs").samples
    assert (sample.error.message if sample.error else score(sample).value) == outcome
    assert bool(sample.scores) == (outcome != RESTARTED)


def test_scoring_without_a_sandbox(tmp_path):
    """`inspect score` raises, whatever its action, and the scores and sources of the log stay as they are."""
    run_cases({"right": [write({"model.py": RIGHT}), SUBMIT]}, tmp_path, sandbox="local")
    (info,) = list_eval_logs(str(tmp_path))
    before = read_eval_log(info).samples
    arguments = ["--scorer", "scorers/parity.py@parity", "--action", "overwrite", "--overwrite"]
    command = ["inspect", "score", info.name, *arguments]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode != 0 and "No sandbox environment" in done.stdout + done.stderr
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
LOCAL = {  # a run config, arguments -> is it refused?
    "the model": ({"model": MODEL}, [], True),
    "a model role": ({"model_roles": {"coder": {"model": MODEL}}}, ["-S", "role=coder"], True),
    "a solver's own model": ({}, ["-S", f"model={MODEL}"], True),
    "a baseline": ({}, ["-S", "knowledge=0"], False),
}


@pytest.fixture(scope="module")
def local_runs(tmp_path_factory):
    """Case -> output, log; and the requests that reached the service."""
    folders = {case: tmp_path_factory.mktemp("local") for case in LOCAL}
    runs = {}
    with MessagesAPI([SUBMIT]) as api:
        for case, (config, arguments, refused) in LOCAL.items():
            (folders[case] / "agent.py").write_text(SOLVER)
            own = f"{folders[case]}/agent.py@agent"
            solver = ["--solver", own if refused else "baselines/search.py@search"]
            path = folders[case] / "run.json"
            path.write_text(json.dumps({"model": "none", "sandbox": "local"} | config))
            arguments = ["--run-config", str(path), "-T", "departures=1,2", *solver, *arguments]
            runs[case] = start(folders[case] / "logs", *arguments, ANTHROPIC_BASE_URL=api.url)
        outputs = {case: run.communicate(timeout=300)[0] for case, run in runs.items()}
    assert not any(run.returncode for run in runs.values()), outputs
    return {case: (outputs[case], the_log(folders[case] / "logs")) for case in LOCAL}, api.requests


@pytest.mark.parametrize("case", LOCAL)
def test_the_local_sandbox(case, local_runs):
    """What the command line does not show is refused too: a line for each sample, before the first request."""
    runs, requests = local_runs
    output, log = runs[case]
    *_, refused = LOCAL[case]
    assert requests == [] and "Traceback" not in output
    assert len(log.samples) == 2
    for sample in log.samples:
        assert bool(sample.scores) != refused and bool(sample.error) == refused
        assert not refused or "the local sandbox does not isolate" in sample.error.message


# What an agent cannot do to its neighbours, or to its own budget


def test_a_tool_that_takes_too_long_tells_what_it_printed():
    @tool
    def slow():
        async def execute():
            """Waits."""
            error = TimeoutError()
            error.truncated_output = "loss 0.5"  # as Inspect's sandboxes give it
            raise error

        return execute

    with pytest.raises(ToolError, match=r"loss 0.5\nstopped after 300 seconds"):
        asyncio.run(unbreakable(slow())())


def test_the_turn_limit(tmp_path):
    """Ends an attempt whose conversation is cut again and again; the log says so, and the port is scored."""
    from inspect_task import orphan_checkpoint

    assert orphan_checkpoint().turn_limit == 400
    script = [write({"model.py": WRONG}), ("bash", {"command": "true"})]
    sample = run_cases({"endless": script}, tmp_path, sandbox="local", turn_limit=12)["endless"]
    assert sample.limit.type == "turn" and sample.limit.limit == 12
    assert score(sample).value == 0


def refuse(*_):
    raise OSError("the service refused")


USAGE = {"usage": ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)}
ANSWERED = ModelOutput.from_content("mockllm/model", "I begin.").model_copy(update=USAGE)
MODELS = {"no call": None, "a call that fails": refuse, "an answer": [ANSWERED]}


@solver
def own_loop(outputs):
    """An agent's own loop, which breaks before it sets the state's output."""

    async def solve(state, generate):
        if outputs:
            model = get_model("mockllm/model", custom_outputs=outputs, memoize=False)
            await model.generate(state.messages)
        raise OSError("argument list too long")

    return solve


@pytest.mark.parametrize("case", MODELS)
def test_a_loop_of_its_own_that_breaks_is_scored_once_its_model_has_answered(case, tmp_path):
    run = {"model": "mockllm/model", "sandbox": "local", "display": "none"}
    task = orphan_checkpoint(departures=1)
    (log,) = eval(task, solver=own_loop(MODELS[case]), log_dir=str(tmp_path), **run)
    (sample,) = log.samples
    said = "the service refused" if case == "a call that fails" else "argument list too long"
    assert said in sample.error.message
    assert bool(sample.scores) == (case == "an answer")


def test_a_message_without_a_choice_is_one_that_cannot_be_read(tmp_path):
    """The agent goes on."""
    nothing, done = ModelOutput(choices=[]), ModelOutput.for_tool_call("mockllm/model", *SUBMIT)
    outputs = [output.model_copy(update=USAGE) for output in (nothing, done)]
    model = get_model("mockllm/model", custom_outputs=outputs, memoize=False)
    run = {"model": model, "sandbox": "local", "display": "none", "log_dir": str(tmp_path)}
    (log,) = eval(orphan_checkpoint(departures=1), **run)
    (sample,) = log.samples
    assert not sample.error and score(sample).answer == "no_file"
    assert "could not be read" in str(sample.messages)
