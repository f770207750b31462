"""The scorer's arithmetic and its faults, with a sandbox that is a stand-in."""

import asyncio
import pickle
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from inspect_ai.util import ExecResult, OutputLimitExceededError, SandboxUnavailableError

from guards import engine
from guards.arguments import read_rows
from reference.rows import Call, load
from scorers import parity

ROOT = Path(__file__).parents[1]
TRACES, *CALLS = load(read_rows(ROOT / "dataset.jsonl")[0])
TRUTH = np.concatenate([call.logits.ravel() for call in CALLS])
NO_ENGINE = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock."


def run(stdout: str = "", returncode: int = 0, stderr: str = "") -> ExecResult[str]:
    return ExecResult(returncode == 0, returncode, stdout, stderr)


def answers(logits: np.ndarray) -> ExecResult[str]:
    return run(f"source 6162\nlogits {logits.tobytes().hex()}\n")


class FakeSandbox:
    """Takes commands, gives back what they print, or raises: these results in turn, then the last one for ever."""

    def __init__(self, *results: ExecResult | Exception):
        self.results, self.commands = [*results], []

    async def exec(self, command, job, timeout, concurrency):
        self.commands.append((command, job, timeout, concurrency))
        result = self.results[min(len(self.commands), len(self.results)) - 1]
        if isinstance(result, Exception):
            raise result
        return result


def attempt(monkeypatch, *results, calls=CALLS, engine_start="") -> parity.Outcome:
    """engine_start: what the docker command says of it."""
    sandbox, first = FakeSandbox(*results), SimpleNamespace(timestamp=datetime.now(UTC))

    async def ask_docker(*_, **__):
        if isinstance(engine_start, Exception):
            raise engine_start
        return run(engine_start)

    monkeypatch.setattr(engine, "sandbox", lambda: sandbox)
    monkeypatch.setattr(engine, "PAUSES", (0, 0, 0))
    monkeypatch.setattr(engine, "subprocess", ask_docker)
    monkeypatch.setattr(engine, "transcript", lambda: SimpleNamespace(events=[first]))
    return asyncio.run(parity.run_port(calls))


@pytest.mark.parametrize("index", [0, TRUTH.size // 2, TRUTH.size - 1])
@pytest.mark.parametrize(
    ("by", "reason"),
    [
        (0.0, "passed"),
        (4.99e-4, "passed"),
        (-4.99e-4, "passed"),
        (5.01e-4, "wrong_logits"),
        (-5.01e-4, "wrong_logits"),
        (np.nan, "wrong_logits"),
        (np.inf, "wrong_logits"),
        (-np.inf, "wrong_logits"),
    ],
)
def test_every_logit_counts(monkeypatch, index, by, reason):
    """One logit too far off, first or last, fails; so does one that is not a number. The port's own answers are
    handed on, and what model.py contained."""
    logits = TRUTH.copy()
    logits[index] += by
    outcome = attempt(monkeypatch, answers(logits))
    assert outcome.reason == reason and outcome.source == "ab"
    assert np.array_equal(outcome.logits, logits, equal_nan=True)


def test_the_error_in_words(monkeypatch):
    for by, said in ((0.031, "3.1e-2: not within 5e-4"), (0, "0.0e+0: within 5e-4")):
        outcome = attempt(monkeypatch, answers(TRUTH + by))
        assert outcome.detail == f"worst absolute error {said}"


@pytest.mark.parametrize(
    ("result", "reason", "said"),
    [
        (run(), "crashed", "exit code 0"),
        (answers(TRUTH[:-1]), "crashed", "exit code 0"),
        (answers(np.append(TRUTH, 0)), "crashed", "exit code 0"),
        (run(returncode=2, stderr="ValueError: mine"), "crashed", "ValueError: mine"),
        (run(returncode=2, stderr=NO_ENGINE), "crashed", NO_ENGINE),
        (run("bad_output 6869\n"), "bad_output", "hi"),
        (run("no_file 6869\n"), "no_file", "hi"),
        (run("", 2), "crashed", "exit code 2"),
        (run("", 130), "crashed", "exit code 130"),
        (run("", 137), "crashed", "exit code 137"),
        (run("", 125, "timeout: fork system call failed"), "crashed", "fork"),
        (run("OCI runtime exec failed: no pids", 126), "crashed", "exit code 126: OCI runtime"),
        (run("x" * 10**6, 2, NO_ENGINE), "crashed", NO_ENGINE),
        (SandboxUnavailableError("killed by what it ran"), "crashed", "killed by"),
        (PermissionError("Permission denied executing"), "crashed", "denied"),
        (OutputLimitExceededError("10 MiB", None), "crashed", "10 MiB"),
        (TimeoutError(), "timeout", "not done after 180 seconds"),
    ],
)
def test_what_the_submission_breaks_is_a_reason(monkeypatch, result, reason, said):
    """And never comes with the original's logits: at most with what the port said before it broke."""
    outcome = attempt(monkeypatch, result)
    assert outcome.reason == reason and said in outcome.detail
    assert outcome.logits is None or outcome.logits.size != TRUTH.size


@pytest.mark.parametrize("returncode", [1, 125, 126, 127, 255, -9])
def test_an_engine_that_fails_for_a_moment_costs_nothing(monkeypatch, returncode):
    failed = run("containerd.sock: connect: connection refused", returncode)
    assert attempt(monkeypatch, failed, failed, answers(TRUTH)).reason == "passed"


def test_no_source_fills_the_log(monkeypatch):
    """Also of a port that tells a longer one than the harness does."""
    result = run(f"source {'61' * 2_000_000}\nlogits {TRUTH.tobytes().hex()}\n")
    assert len(attempt(monkeypatch, result).source) == 1_000_000


@pytest.mark.parametrize(
    ("engine_start", "killed_by_agent"),
    [
        ('"2020-01-01T00:00:00.123456789Z"\n', True),
        ('"2020-01-01T00:00:00+02:00"\n', True),
        ('"2100-01-01T00:00:00.123456789Z"\n', False),
        ("", True),  # an engine without a default network
        (FileNotFoundError("docker"), True),
        (TimeoutError(), True),
    ],
)
def test_whose_fault_a_dead_sandbox_is(monkeypatch, engine_start, killed_by_agent):
    """The agent's, unless the engine started after the attempt did."""
    dead = SandboxUnavailableError("not running")
    if killed_by_agent:
        assert attempt(monkeypatch, dead, engine_start=engine_start).reason == "crashed"
    else:
        with pytest.raises(RuntimeError, match="the engine was restarted"):
            attempt(monkeypatch, dead, engine_start=engine_start)


@pytest.mark.parametrize(
    "result",
    [
        run("", 1, NO_ENGINE),
        run("source 6162\n", 1, NO_ENGINE),  # while the port ran
        run("source 6162\n", 255, NO_ENGINE),
        run("", -9, NO_ENGINE),
        OSError(28, "No space left on device"),
        FileNotFoundError(2, "No such file or directory", "docker"),
        ProcessLookupError("no sandbox"),
        RuntimeError("of the engine's"),
    ],
)
def test_what_the_engine_or_the_host_breaks_raises(monkeypatch, result):
    with pytest.raises((OSError, RuntimeError)) as caught:
        attempt(monkeypatch, result)
    if isinstance(result, ExecResult):
        assert NO_ENGINE in str(caught.value)


class Here:
    """Runs commands on this machine."""

    async def exec(self, command, job, **options):
        ran = subprocess.run(command, input=job, capture_output=True, check=False)
        return run(ran.stdout.decode(), ran.returncode, ran.stderr.decode())


@pytest.mark.parametrize("code", [1, 124, 255])
def test_no_exit_code_of_the_port_is_one_of_the_engines(monkeypatch, code):
    monkeypatch.setattr(engine, "sandbox", Here)
    source = f"import os; print('said', flush=True); os._exit({code})"
    ran = asyncio.run(engine.execute(source, 60, b""))
    assert (ran.returncode, ran.stdout) == (2, "said\n")


def test_a_time_limit_ends_the_port_too():
    """Even one that ignores TERM, which is what the local sandbox sends."""
    source = "import signal, time; signal.signal(15, signal.SIG_IGN); print('on', flush=True); time.sleep(99)"
    process = subprocess.Popen(["sh", "-c", engine.SHELL, source], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"on\n"
    process.terminate()
    assert process.stdout.read() == b""  # nobody holds the pipe
    assert process.wait() == 2


def test_the_end_of_a_long_traceback_is_kept(monkeypatch):
    result = run(returncode=2, stderr="x" * 10**6 + "ValueError: mine")
    detail = attempt(monkeypatch, result).detail
    assert len(detail) <= 2100 and detail.endswith("ValueError: mine")


def test_the_job_holds_weights_and_tokens_and_nothing_else(monkeypatch):
    sandbox = FakeSandbox(answers(TRUTH))
    monkeypatch.setattr(engine, "sandbox", lambda: sandbox)
    asyncio.run(parity.run_port(CALLS))
    ((command, sent, *options),) = sandbox.commands
    job = pickle.loads(sent)
    assert [len(call) for call in job] == [2] * len(CALLS)
    assert all(set(weights) == set(CALLS[0].weights) for weights, _ in job)
    assert len({id(weights) for weights, _ in job}) == 2  # one dict per checkpoint: caches work
    assert options == [parity.SECONDS, False]
    assert command[:2] == ["sh", "-c"] and command[3] == (ROOT / "sandbox/run_port.py").read_text()


WORDS = st.sampled_from(["logits", "source", "no_file", "bad_output", "crashed", "other"])
LINES = st.tuples(WORDS, st.binary(max_size=80).map(bytes.hex) | st.text()).map(" ".join)


@settings(max_examples=200, deadline=None)
@given(st.lists(LINES | st.text()).map("\n".join))
def test_no_answer_makes_the_scorer_raise(text):
    """Whatever the sandbox says, it is a reason."""
    calls = [Call(CALLS[0].weights, CALLS[0].tokens, np.zeros((1, 1, 8)))]
    with pytest.MonkeyPatch.context() as monkeypatch:
        outcome = attempt(monkeypatch, run(text), calls=calls)
    assert outcome.reason in ("passed", "wrong_logits", "crashed", "no_file", "bad_output")


def test_the_prompt_states_what_the_code_checks():
    prompt = (ROOT / "prompt.md").read_text()
    assert f"within {parity.TOLERANCE:.0e}".replace("e-04", "e-4") in prompt
    assert f"has {parity.SECONDS} seconds" in prompt
    assert f"`tokens` {TRACES.tokens.shape}" in prompt
    assert max(call.tokens.shape[1] for call in CALLS) == 48 and "T <= 48" in prompt
