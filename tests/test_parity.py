"""The scorer's arithmetic and its faults, with a sandbox that is a stand-in."""

import asyncio
import pickle
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from inspect_ai.util import OutputLimitExceededError, SandboxUnavailableError

from build_dataset import read_rows
from reference.variants import load
from scorers import parity
from tools import check_port

ROOT = Path(__file__).parents[1]
CALLS = load(read_rows(ROOT / "dataset.jsonl")[0])[1][1:]
TRUTH = np.concatenate([logits.ravel() for _, _, logits in CALLS])


class FakeSandbox:
    """Takes a job, gives back bytes or raises."""

    def __init__(self, result, returncode=0, stderr=""):
        self.result, self.run = result, SimpleNamespace(returncode=returncode, stderr=stderr)

    async def exec(self, command, job, timeout, timeout_retry):
        self.job, self.command, self.options = job, command, (timeout, timeout_retry)
        if isinstance(self.run, Exception):
            raise self.run
        return self.run

    async def read_file(self, name, text):
        assert (name, text) == ("logits.bin", False)
        if isinstance(self.result, Exception):
            raise self.result
        return self.result


def attempt(monkeypatch, sandbox, calls=CALLS):
    monkeypatch.setattr(parity, "sandbox", lambda: sandbox)
    reason, detail, _ = asyncio.run(parity.attempt(calls))
    return reason, detail


def shifted(index: int, by: float) -> bytes:
    logits = TRUTH.copy()
    logits[index] += by
    return logits.tobytes()


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
    """One logit too far off, first or last, fails; so does one that is not a number."""
    assert attempt(monkeypatch, FakeSandbox(shifted(index, by)))[0] == reason


@pytest.mark.parametrize(
    ("sandbox", "reason", "said"),
    [
        (FakeSandbox(b""), "crashed", "0 logits"),
        (FakeSandbox(TRUTH.tobytes()[:-8]), "crashed", f"{TRUTH.size - 1} logits"),
        (FakeSandbox(TRUTH.tobytes() + bytes(8)), "crashed", f"{TRUTH.size + 1} logits"),
        (FakeSandbox(TRUTH.tobytes()[:-1]), "crashed", "multiple"),
        (FakeSandbox(b"", 1, "ValueError: mine"), "crashed", "ValueError: mine"),
        (FakeSandbox(b"", 1, "bad output: float64 (1,)"), "bad_output", "float64 (1,)"),
        (FakeSandbox(b"", 137), "crashed", "exit code 137"),
        (FakeSandbox(FileNotFoundError("logits.bin")), "crashed", "logits.bin"),
        (FakeSandbox(IsADirectoryError("logits.bin")), "crashed", "logits.bin"),
        (FakeSandbox(OutputLimitExceededError("100 MiB", None)), "crashed", "100 MiB"),
    ],
)
def test_a_fault_is_a_reason(monkeypatch, sandbox, reason, said):
    found, detail = attempt(monkeypatch, sandbox)
    assert found == reason and said in detail


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (TimeoutError("slow"), "timeout"),
        (SandboxUnavailableError("killed by what it ran"), "crashed"),
        (UnicodeDecodeError("utf-8", b"x", 0, 1, "stdout"), "crashed"),
    ],
)
def test_a_run_that_breaks_its_sandbox_is_a_fault(monkeypatch, error, reason):
    sandbox = FakeSandbox(b"")
    sandbox.run = error
    assert attempt(monkeypatch, sandbox)[0] == reason


def test_the_end_of_a_long_traceback_is_kept(monkeypatch):
    _, detail = attempt(monkeypatch, FakeSandbox(b"", 1, "x" * 10**6 + "ValueError: mine"))
    assert len(detail) <= 2000 and detail.endswith("ValueError: mine")


def test_the_job_holds_weights_and_tokens_and_nothing_else(monkeypatch):
    sandbox = FakeSandbox(TRUTH.tobytes())
    attempt(monkeypatch, sandbox)
    job = pickle.loads(sandbox.job)
    assert [len(call) for call in job] == [2] * len(CALLS)
    assert all(set(weights) == set(CALLS[0][0]) for weights, _ in job)
    assert len({id(weights) for weights, _ in job}) == 2  # one dict per checkpoint: caches work
    assert sandbox.options == (parity.SECONDS, False)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200) | st.binary(min_size=64, max_size=64))
def test_no_bytes_make_the_scorer_raise(data):
    """Whatever stands in the result file, it is a reason."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        reason, _ = attempt(monkeypatch, FakeSandbox(data), [(*CALLS[0][:2], np.zeros((1, 1, 8)))])
    assert reason in ("passed", "wrong_logits", "crashed")


def test_the_tool_answers_from_the_traces_alone(monkeypatch):
    """check_port makes the call of the traces, twice, and reports one number."""
    weights, tokens, logits = traces = load(read_rows(ROOT / "dataset.jsonl")[0])[1][0]
    sandbox = FakeSandbox((logits + 0.25).tobytes() * 2)
    monkeypatch.setattr(parity, "sandbox", lambda: sandbox)
    check_port.traces.set(traces)
    assert asyncio.run(check_port.check_port()()) == "worst absolute error 0.25"
    for sent_weights, sent_tokens in pickle.loads(sandbox.job):
        assert set(sent_weights) == set(weights) and (sent_tokens == tokens).all()


def test_the_prompt_states_what_the_code_checks():
    prompt = (ROOT / "prompt.md").read_text()
    assert f"within {parity.TOLERANCE:.0e}".replace("e-04", "e-4") in prompt
    assert f"has {parity.SECONDS} seconds" in prompt
    (_, traces, _), *_ = load(read_rows(ROOT / "dataset.jsonl")[0])[1]
    assert f"`tokens` {traces.shape}" in prompt
    lengths = {tokens.shape[1] for _, tokens, _ in CALLS}
    assert max(lengths) == 48 and "T <= 48" in prompt
