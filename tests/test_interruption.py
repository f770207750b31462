"""Runs that are interrupted: what is finished is kept, and `inspect eval-retry` does the rest."""

import os
import signal
import subprocess
from contextlib import ExitStack
from types import SimpleNamespace

import pytest
from inspect_ai.log import EvalLog
from inspect_ai.scorer import Score

from tests.harness import (
    RIGHT,
    ROW,
    ROWS,
    SUBMIT,
    containers_and_networks,
    inspect,
    score,
    start,
    the_log,
    write,
)
from tests.messages_api import Hold, MessagesAPI

PORT = [write({"model.py": RIGHT}), SUBMIT]
DONE = 2  # samples that are finished when the run is interrupted; those that run then wait for an answer
SCRIPTS = [*[PORT] * DONE, [PORT[0], Hold(), *PORT]]
AT_ONCE = {
    "stopped": 1,
    "killed": 2,
}  # samples at a time in the run that Ctrl-C stops, in that of kill -9


def begin(api: MessagesAPI, folder, at_once: int) -> subprocess.Popen:
    """A run of all rows."""
    # with --log-buffer 10, as in a run of 30 samples or more, what is finished is not yet in the file
    options = ["--max-samples", str(at_once), "--log-buffer", "10"]
    return start(folder / "logs", *options, ANTHROPIC_BASE_URL=api.url)


def wait(api: MessagesAPI, at_once: int) -> None:
    """Until DONE samples are finished and as many as run at once are held."""
    for _ in range(at_once):
        assert api.held.acquire(timeout=180)


def retries(folders: list) -> list[SimpleNamespace]:
    """Both logs of each folder, and how many conversations the retry took."""
    runs = []
    with ExitStack() as stack:
        for folder in folders:
            log, api = the_log(folder / "logs"), stack.enter_context(MessagesAPI(PORT))
            settings = {"ANTHROPIC_BASE_URL": api.url}
            process = inspect("eval-retry", log.location, log_dir=folder / "retried", **settings)
            runs.append((folder, log, api, process))
        outputs = [process.communicate(timeout=240)[0] for *_, process in runs]
    for (*_, process), output in zip(runs, outputs):
        assert process.returncode == 0, output
    return [
        SimpleNamespace(log=log, retried=the_log(folder / "retried"), again=next(api.conversations))
        for folder, log, api, _ in runs
    ]


@pytest.fixture(scope="module")
def runs(docker, tmp_path_factory):
    """Two runs at the same time, interrupted and retried; left: the containers and networks that there are when
    both wait, after both were interrupted, after the retries, and after the cleanup."""
    left, before = [], containers_and_networks(docker)

    def look() -> None:
        left.append(containers_and_networks(docker) - before)

    folders = {name: tmp_path_factory.mktemp(name) for name in AT_ONCE}
    with MessagesAPI(*SCRIPTS) as one, MessagesAPI(*SCRIPTS) as two:
        apis = dict(zip(AT_ONCE, (one, two)))
        started = {name: begin(apis[name], folders[name], AT_ONCE[name]) for name in AT_ONCE}
        for name, api in apis.items():
            wait(api, AT_ONCE[name])
        look()
        started["stopped"].send_signal(signal.SIGINT)
        started["killed"].kill()
        for process in started.values():
            process.communicate(timeout=180)
    look()
    retried = dict(zip(AT_ONCE, retries(list(folders.values()))))
    look()
    # by name, for without one the command removes the containers of every Inspect run on the engine
    projects = [name.removesuffix("-default-1") for kind, name in left[-1] if kind == "container"]
    cleanup = ["inspect", "sandbox", "cleanup", "docker"]
    for process in [subprocess.Popen([*cleanup, project]) for project in projects]:
        assert process.wait(timeout=120) == 0
    look()
    return SimpleNamespace(**retried, left=left)


def finished(log: EvalLog) -> set[str]:
    """Their uuids: an attempt that is made again has another."""
    return {sample.uuid for sample in log.samples or [] if sample.scores}


def check_retry(run: SimpleNamespace) -> None:
    """A success with every row once, of which the finished ones cost no second conversation; the port is right for
    one row and wrong for the others."""
    assert run.retried.status == "success"
    assert not any(sample.error for sample in run.retried.samples)
    assert len(run.retried.samples) == len(ROWS) and run.again == len(ROWS) - DONE
    values = {sample.id: score(sample).value for sample in run.retried.samples}
    assert values == {row["id"]: int(row == ROW) for row in ROWS}


@pytest.mark.parametrize("name", AT_ONCE)
def test_the_retry_does_the_rest_and_only_the_rest(name, runs):
    check_retry(getattr(runs, name))


def test_a_stopped_run_keeps_what_is_finished(runs):
    """Its log says that it was cancelled, and holds what was finished, which the retry copies."""
    log, retried = runs.stopped.log, runs.stopped.retried
    assert log.status == "cancelled" and len(finished(log)) == DONE
    assert finished(log) < finished(retried)


def test_a_killed_run_keeps_what_is_finished(runs):
    """Its log is not closed and holds nothing yet: the retry finds the samples in Inspect's own buffer."""
    assert runs.killed.log.status == "started" and not finished(runs.killed.log)


def test_one_at_a_time_or_two(runs):
    """The same submissions get the same scores, to the last letter of their explanation; but on a busy machine a
    diagnosis may be left out."""

    def scores(log: EvalLog) -> dict:
        return {sample.id: score(sample) for sample in log.samples}

    def worst_error(of: Score) -> str:
        return of.explanation.partition(": ")[2].partition(";")[0]

    first, second = scores(runs.stopped.retried), scores(runs.killed.retried)
    for row in ROWS:
        one, other = first[row["id"]], second[row["id"]]
        assert one.value == other.value
        assert one.metadata["source"] == other.metadata["source"]
        assert worst_error(one) == worst_error(other)
        if "wrong_logits" not in (one.answer, other.answer):
            assert one.explanation == other.explanation
            assert one.metadata == other.metadata


def test_containers_and_networks(runs):
    """A stopped run removes its own; a killed run cannot, nor does its retry, but `inspect sandbox cleanup docker`
    does."""
    waiting, interrupted, retried, cleaned = runs.left
    assert len(waiting) == sum(AT_ONCE.values())
    assert len(interrupted) == AT_ONCE["killed"] and interrupted < waiting
    assert retried == interrupted
    assert cleaned == set()


@pytest.mark.skipif("RESTART_ENGINE" not in os.environ, reason="RESTART_ENGINE is not set")
def test_a_restarted_engine(docker, tmp_path):
    """RESTART_ENGINE='systemctl restart docker' pytest tests/test_interruption.py: a sample whose container died has
    an error and no score, and the retry does it."""
    before = containers_and_networks(docker)
    with MessagesAPI(*SCRIPTS) as api:
        process = begin(api, tmp_path, 2)
        wait(api, 2)
        subprocess.run(os.environ["RESTART_ENGINE"], shell=True, check=True, timeout=120)
        api.released.set()
        output, _ = process.communicate(timeout=240)
    assert process.returncode == 0, output
    lost = [sample for sample in the_log(tmp_path / "logs").samples if sample.error]
    assert len(lost) == len(ROWS) - DONE and not any(sample.scores for sample in lost)
    assert all("the engine was restarted" in sample.error.message for sample in lost)
    (run,) = retries([tmp_path])
    check_retry(run)
    assert containers_and_networks(docker) == before
