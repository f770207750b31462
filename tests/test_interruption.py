"""Runs that are killed in the middle: what is finished is kept, and `inspect eval-retry` does the rest."""

import os
import signal
import subprocess
from dataclasses import dataclass

import pytest
from harness import (
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
from inspect_ai.log import EvalLog
from messages_api import Hold, MessagesAPI

PORT = [write({"model.py": RIGHT}), SUBMIT]
HALF = [PORT[0], Hold(), *PORT]
DONE = 2  # samples that are finished when the run is interrupted; the others wait for an answer


@dataclass
class Interrupted:
    log: EvalLog  # as the interruption left it
    retried: EvalLog
    again: int  # conversations of the retry
    left: list[set]  # containers and networks: after the interruption, after the retry


def interrupted(docker, folder, at_once: int, interrupt) -> Interrupted:
    """A run of all rows, interrupted while as many samples as run at once wait, and its retry."""
    before, left = containers_and_networks(docker), []
    with MessagesAPI(*[PORT] * DONE, HALF) as api:
        # with --log-buffer 10, as in a run of 30 samples or more, finished samples are not yet in the file
        options = ["--max-samples", str(at_once), "--log-buffer", "10"]
        run = start(folder / "logs", *options, ANTHROPIC_BASE_URL=api.url)
        for _ in range(at_once):
            assert api.held.acquire(timeout=180)
        interrupt(run)
        api.released.set()
        run.communicate(timeout=180)
    left.append(containers_and_networks(docker) - before)
    log = the_log(folder / "logs")
    with MessagesAPI(PORT) as api:
        environment = {"ANTHROPIC_BASE_URL": api.url}
        retry = inspect("eval-retry", log.location, log_dir=folder / "retried", **environment)
        output, _ = retry.communicate(timeout=180)
        again = next(api.conversations)
    assert retry.returncode == 0, output
    left.append(containers_and_networks(docker) - before)
    return Interrupted(log, the_log(folder / "retried"), again, left)


@pytest.fixture(scope="module")
def stopped(docker, tmp_path_factory):
    """Ctrl-C, in a run of one sample at a time."""
    folder = tmp_path_factory.mktemp("stopped")
    return interrupted(docker, folder, 1, lambda run: run.send_signal(signal.SIGINT))


@pytest.fixture(scope="module")
def killed(docker, tmp_path_factory):
    """kill -9, in a run of two at a time."""
    return interrupted(docker, tmp_path_factory.mktemp("killed"), 2, lambda run: run.kill())


def finished(log: EvalLog) -> set[str]:
    """Their uuids: an attempt that is made again has another."""
    return {sample.uuid for sample in log.samples or [] if sample.scores}


def scores(log: EvalLog) -> dict:
    return {s.id: (score(s).value, score(s).metadata, score(s).explanation) for s in log.samples}


@pytest.fixture(params=["stopped", "killed"])
def either(request) -> Interrupted:
    return request.getfixturevalue(request.param)


def test_the_retry_does_the_rest_and_only_the_rest(either):
    """A success, with every row once; the finished samples cost no second conversation."""
    assert either.retried.status == "success"
    assert sorted(s.id for s in either.retried.samples) == sorted(row["id"] for row in ROWS)
    assert not any(sample.error for sample in either.retried.samples)
    assert either.again == len(ROWS) - DONE


def test_the_rows_are_scored_as_ever(either):
    """The port is right for one row and wrong for the others, whichever run it was made in."""
    values = {s.id: score(s).value for s in either.retried.samples}
    assert values == {row["id"]: int(row == ROW) for row in ROWS}


def test_one_at_a_time_or_two(stopped, killed):
    """The same submissions get the same scores, to the last digit of their explanation."""
    assert scores(stopped.retried) == scores(killed.retried)


def test_a_stopped_run_cleans_up(stopped):
    """Its log holds what was finished, and no container or network is left."""
    assert stopped.log.status == "cancelled" and len(finished(stopped.log)) == DONE
    assert finished(stopped.log) < finished(stopped.retried)
    assert stopped.left == [set(), set()]


def test_a_killed_run_is_cleaned_up_by_hand(killed, docker):
    """It leaves its containers, also after the retry; `inspect sandbox cleanup docker` removes them. Here they are
    named, one by one, for without a name it removes those of every Inspect run on the engine."""
    assert killed.log.status == "started"
    (crashed, retried), now = killed.left, containers_and_networks(docker)
    assert len(crashed) == 2 and crashed == retried <= now
    for _, container in crashed:
        project = container.removesuffix("-default-1")
        cleanup = ["inspect", "sandbox", "cleanup", "docker", project]
        subprocess.run(cleanup, check=True, capture_output=True, timeout=60)
    assert containers_and_networks(docker) == now - crashed


@pytest.mark.skipif("RESTART_ENGINE" not in os.environ, reason="RESTART_ENGINE: no command given")
def test_a_restarted_engine(docker, tmp_path):
    """RESTART_ENGINE='systemctl restart docker' pytest tests/test_interruption.py: samples whose containers died end
    in an error, unscored; the retry does them."""

    def restart(run):
        subprocess.run(os.environ["RESTART_ENGINE"], shell=True, check=True, timeout=120)

    run = interrupted(docker, tmp_path, 2, restart)
    assert len(finished(run.log)) == DONE
    assert sum(sample.error is not None for sample in run.log.samples) == len(ROWS) - DONE
    assert run.retried.status == "success" and run.again == len(ROWS) - DONE
    assert {s.id: score(s).value for s in run.retried.samples} == {
        row["id"]: int(row == ROW) for row in ROWS
    }
    assert run.left[-1] == set()
