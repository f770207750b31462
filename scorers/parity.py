"""1 if every logit of the submission, on unseen tokens and two checkpoints, is within 5e-4 of the original's.

The sandbox gets weights and tokens and gives back numbers. The logits of these calls, architecture and seed
stay on the host, which takes as many float64 as it asked for and compares them.

What the submission breaks is a score of 0 with a reason; what the engine or the host breaks raises, so that the sample
has an error and no score, and can be run again. The two are told apart by who speaks. The harness says `started`
before anything of the agent's can run, and what it said cannot be taken back. Where it said nothing, the exit code
tells: 1 is a docker command that did not reach its engine, a negative one a docker command that the host killed; from
2 on the container refused to start a process, or the process was killed in it. A sandbox that is dead by then was
killed by the agent. After a crash the engine is asked for a trivial command, in case it broke while the port ran.
"""

import pickle
import time
from base64 import b64decode
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import numpy as np
from inspect_ai.log import transcript
from inspect_ai.scorer import Score, Scorer, Target, accuracy, scorer, stderr
from inspect_ai.solver import TaskState
from inspect_ai.util import OutputLimitExceededError, SandboxUnavailableError, sandbox

from reference.rows import Call, Row, load
from scorers.diagnosis import diagnose
from scorers.pass_rate import pass_rate

TOLERANCE = 5e-4  # of every logit; the README derives it
SECONDS = 180  # for the process that makes all calls
HARNESS = (Path(__file__).parents[1] / "sandbox/run_port.py").read_text(encoding="utf-8")
BROKEN = (SandboxUnavailableError, PermissionError, OutputLimitExceededError)
"""What an agent can make of its sandbox: dead, closed to new processes, flooded with output."""


class Outcome(NamedTuple):
    """What came of running the port."""

    reason: str
    detail: str
    source: str = ""  # what model.py contained when it was read
    logits: np.ndarray | None = None  # the port's own answers, flat, of all calls


async def execute(command: list[str], seconds: int, job: bytes = b"") -> tuple[int, str, str]:
    """Exit code, output and errors of a command that says something. RuntimeError: the engine or the host is broken."""
    start = time.monotonic()
    try:
        run = await sandbox().exec(
            command, job, timeout=seconds, timeout_retry=False, concurrency=False
        )
    except TimeoutError as error:
        if time.monotonic() - start >= seconds:
            raise
        return 124, getattr(error, "truncated_output", None) or "", ""  # the port's own exit code
    if not run.stdout and run.returncode <= 1:
        raise RuntimeError(f"the sandbox's engine failed: {run.stderr or run.returncode}")
    return run.returncode, run.stdout, run.stderr


async def attempt(calls: list[Call]) -> Outcome:
    """Make the calls to the sandbox's model.py, in one process. RuntimeError: as above."""
    truth = np.concatenate([call.logits.ravel() for call in calls])
    job = pickle.dumps([(call.weights, call.tokens) for call in calls])
    try:
        code, output, errors = await execute(["python", "-I", "-c", HARNESS], SECONDS, job)
    except TimeoutError:
        return Outcome("timeout", f"not done after {SECONDS} seconds")
    except BROKEN as error:
        return Outcome("crashed", str(error)[-2000:])
    told = {"source": b""}
    for line in output.splitlines():
        word, _, value = line.partition(" ")
        with suppress(ValueError):
            told[word] = b64decode(value)
    source = told["source"].decode(errors="replace")
    if len(told.get("logits", b"")) == truth.nbytes:
        logits = np.frombuffer(told["logits"])
        worst = np.nan_to_num(abs(logits - truth), nan=np.inf).max()
        detail = (
            f"worst absolute error {np.format_float_scientific(worst, 1, trim='-', exp_digits=1)}"
        )
        if worst <= TOLERANCE:
            return Outcome("passed", f"{detail}: within 5e-4", source, logits)
        return Outcome("wrong_logits", f"{detail}: not within 5e-4", source, logits)
    for reason in {"no_file", "bad_output"} & told.keys():
        return Outcome(reason, told[reason].decode(errors="replace")[:2000], source)
    with suppress(TimeoutError, *BROKEN):
        await execute(["echo", "alive"], 60)
    return Outcome("crashed", f"exit code {code}: {errors[-2000:]}", source)


@scorer(metrics=[accuracy(), stderr(), pass_rate()])
def parity() -> Scorer:
    async def score(state: TaskState, target: Target) -> Score:
        broken = [event.error.message for event in transcript().events if event.event == "error"]
        if broken and not state.output.choices:  # before the agent's first answer: not its fault
            raise RuntimeError(broken[-1])
        if "refused" in state.store:
            raise RuntimeError(state.store.get("refused"))
        row = Row(**state.metadata)
        _, *probes = load(row)
        reason, detail, source, logits = await attempt(probes)
        version = sha256(f"{row}{HARNESS}{Path(__file__).read_text('utf-8')}".encode())
        info = {"reason": reason, "source": source, "hash": version.hexdigest()}
        if reason == "wrong_logits":
            told, sentence = await diagnose(logits, probes, row.architecture)
            info, detail = info | told, f"{detail}; {sentence}"
        said, value = f"{info['reason']}: {detail}", int(reason == "passed")
        return Score(value=value, answer=info["reason"], explanation=said, metadata=info)

    return score
