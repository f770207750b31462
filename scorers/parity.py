"""1 if every logit of the submission, on unseen tokens and two checkpoints, is within 5e-4 of the original's.

The sandbox gets weights and tokens and gives back numbers. The logits of these calls, architecture and seed
stay on the host, which takes as many float64 as it asked for and compares them.

What the submission breaks is a score of 0 with a reason; what the engine or the host breaks raises (guards/engine.py).
"""

import pickle
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
from inspect_ai.scorer import Score, Scorer, Target, accuracy, scorer, stderr
from inspect_ai.solver import TaskState

from guards.engine import BROKEN_BY_AGENT, execute, raise_if_never_begun
from reference.architecture import Architecture, departures
from reference.rows import Call, Row, load
from scorers.diagnosis import Diagnosis, diagnose
from scorers.pass_rate import pass_rate
from variants.certificate import TOLERANCE

SECONDS = 180  # for the process that makes all calls
TOLD = "^(source|logits|no_file|bad_output) ((?:[0-9a-f]{2})*+)$"
HARNESS = (Path(__file__).parents[1] / "sandbox/run_port.py").read_text(encoding="utf-8")


class Outcome(NamedTuple):
    """What came of running the port."""

    reason: str
    detail: str
    source: str = ""  # what model.py contained when it was read
    logits: np.ndarray | None = None  # the port's own answers, flat; after a crash, those before it


async def run_port(calls: list[Call]) -> Outcome:
    """Make the calls to the sandbox's model.py, in one process. RuntimeError: the engine or the host is broken."""
    truth = np.concatenate([call.logits.ravel() for call in calls])
    job = pickle.dumps([(call.weights, call.tokens) for call in calls])
    try:
        ran = await execute(HARNESS, SECONDS, job)
    except TimeoutError:
        return Outcome("timeout", f"not done after {SECONDS} seconds")
    except BROKEN_BY_AGENT as error:
        return Outcome("crashed", str(error)[-2000:])
    told = {word: bytes.fromhex(value) for word, value in re.findall(TOLD, ran.stdout, re.M)}
    source = told.get("source", b"")[:1_000_000].decode(errors="replace")
    answers = told.get("logits", b"")
    logits = np.frombuffer(answers[: len(answers) // 8 * 8])
    if logits.size == truth.size:
        worst = abs(logits - truth).max()
        number = np.format_float_scientific(worst, 1, trim="0", exp_digits=1)
        right = worst <= TOLERANCE
        detail = f"worst absolute error {number}: {'' if right else 'not '}within 5e-4"
        return Outcome("passed" if right else "wrong_logits", detail, source, logits)
    reason = next((word for word in ("no_file", "bad_output") if word in told), "crashed")
    why = told.get(reason, b"").decode(errors="replace")[:2000]
    why = why or f"exit code {ran.returncode}: {ran.stderr[-2000:]}"
    return Outcome(reason, why, source, logits)


@scorer(metrics=[accuracy(), stderr(), pass_rate()])
def parity() -> Scorer:
    async def score(state: TaskState, target: Target) -> Score:
        raise_if_never_begun(state)
        _, *probes = load(Row(**state.metadata))
        reason, detail, source, logits = await run_port(probes)
        architecture = Architecture(**state.metadata["architecture"])
        told = Diagnosis(reason, [*departures(architecture)] if reason == "passed" else [])
        if reason == "wrong_logits" and logits is not None:
            told = await diagnose(architecture, probes, logits, run_port)
            detail = f"{detail}; {told.sentence}"
        info = {**vars(told), "source": source}
        value, said = int(reason == "passed"), f"{told.reason}: {detail}"
        return Score(value=value, answer=told.reason, explanation=said, metadata=info)

    return score
