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
import re
import time
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import numpy as np
from inspect_ai.log import transcript
from inspect_ai.scorer import Score, Scorer, Target, accuracy, scorer, stderr
from inspect_ai.solver import TaskState
from inspect_ai.util import OutputLimitExceededError, SandboxUnavailableError, sandbox

from reference.architecture import Architecture
from reference.rows import Call, Row, load
from scorers.diagnosis import Diagnosis, diagnose
from scorers.pass_rate import pass_rate

TOLERANCE = 5e-4  # of every logit; the README derives it
SECONDS = 180  # for the process that makes all calls
HARNESS = (Path(__file__).parents[1] / "sandbox/run_port.py").read_text(encoding="utf-8")


class Outcome(NamedTuple):
    """What came of running the port."""

    reason: str
    detail: str
    source: str = ""  # what model.py contained when it was read
    logits: np.ndarray | None = None  # the port's own answers, flat; after a crash, those before it


async def attempt(calls: list[Call]) -> Outcome:
    """Make the calls to the sandbox's model.py, in one process. RuntimeError: the engine or the host is broken."""
    truth = np.concatenate([call.logits.ravel() for call in calls])
    job = pickle.dumps([(call.weights, call.tokens) for call in calls])
    try:
        code, output, errors = await execute(["python", "-I", "-c", HARNESS], SECONDS, job)
        if code != 0:
            await execute(["echo", "alive"], SECONDS)
    except TimeoutError:
        return Outcome("timeout", f"not done after {SECONDS} seconds")
    except (SandboxUnavailableError, PermissionError, OutputLimitExceededError) as error:
        return Outcome("crashed", str(error)[-2000:])
    lines = re.findall("^([a-z_]+) ((?:[0-9a-f]{2})*)$", output, re.MULTILINE)
    told = {word: bytes.fromhex(value) for word, value in lines}
    source = told.get("source", b"").decode(errors="replace")
    logits = np.frombuffer(told.get("logits", b""))
    if logits.size == truth.size:
        worst = np.nan_to_num(abs(logits - truth), nan=np.inf).max()
        number = np.format_float_scientific(worst, 1, trim="-", exp_digits=1)
        right = worst <= TOLERANCE
        detail = f"worst absolute error {number}: {'' if right else 'not '}within 5e-4"
        return Outcome("passed" if right else "wrong_logits", detail, source, logits)
    for reason in {"no_file", "bad_output"} & told.keys():
        return Outcome(reason, told[reason].decode(errors="replace")[:2000], source)
    return Outcome("crashed", f"exit code {code}: {errors[-2000:]}", source, logits)


async def execute(command: list[str], seconds: int, job: bytes = b"") -> tuple[int, str, str]:
    """Exit code, output and errors of a command that says something. RuntimeError: it never ran, by no agent's fault."""
    start = time.monotonic()
    try:
        run = await sandbox().exec(
            command, job, timeout=seconds, timeout_retry=False, concurrency=False
        )
    except TimeoutError as error:
        if time.monotonic() - start >= seconds:
            raise
        # its own exit code is the one that timeout(1) has for a timeout
        return 124, getattr(error, "truncated_output", None) or "", ""
    if not run.stdout and run.returncode <= 1:
        raise RuntimeError(f"the sandbox's engine failed: {run.stderr or run.returncode}")
    return run.returncode, run.stdout, run.stderr


@scorer(metrics=[accuracy(), stderr(), pass_rate()])
def parity() -> Scorer:
    async def score(state: TaskState, target: Target) -> Score:
        broken = [event.error.message for event in transcript().events if event.event == "error"]
        if "refused" in state.store:
            raise RuntimeError(state.store.get("refused"))
        if broken and not state.output.choices:  # before an agent did anything
            raise RuntimeError(broken[-1])
        row = Row(**state.metadata)
        _, *probes = load(row)
        reason, detail, source, logits = await attempt(probes)
        version = sha256(f"{row}{HARNESS}{Path(__file__).read_text('utf-8')}".encode())
        told = Diagnosis(reason)
        if reason == "passed":
            told.found = list(row.architecture.keys() - {"heads"})
        if reason == "wrong_logits" and logits is not None:
            told = await diagnose(Architecture(**row.architecture), probes, logits, attempt)
            detail = f"{detail}; {told.sentence}"
        info = {**told.metadata(), "source": source, "hash": version.hexdigest()}
        return Score(
            value=int(reason == "passed"),
            answer=told.reason,
            explanation=f"{told.reason}: {detail}",
            metadata=info,
        )

    return score
