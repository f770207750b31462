"""1 if every logit of the submission, on unseen tokens and two checkpoints, is within 5e-4 of the original's.

The sandbox gets weights and tokens and gives back numbers. The logits of these calls, architecture and seed
stay on the host, which reads as many float64 as it asked for and compares them. A fault of the submission is
a score of 0 with a reason. So is a sandbox that is dead by then: the submission may have killed it.
"""

import pickle
from hashlib import sha256
from pathlib import Path

import numpy as np
from inspect_ai.scorer import Score, Scorer, Target, scorer
from inspect_ai.solver import TaskState
from inspect_ai.util import OutputLimitExceededError, sandbox

from reference.variants import load
from scorers.diagnosis import diagnose
from scorers.pass_rate import pass_rate

TOLERANCE = 5e-4  # of every logit; the README derives it
SECONDS = 60  # for the process that makes all calls
COMMAND = ["python", "-P", "-c", (Path(__file__).parents[1] / "sandbox/run_port.py").read_text()]


async def attempt(calls: list[tuple]) -> tuple[str, str, np.ndarray]:
    """Make the calls to the sandbox's model.py, in one process: reason, explanation, logits (flat).
    calls: (weights, tokens (B, T), the original's logits (B, T, V))."""
    truth = np.concatenate([logits.ravel() for _, _, logits in calls])
    job = pickle.dumps([(weights, tokens) for weights, tokens, _ in calls])
    try:
        run = await sandbox().exec(COMMAND, job, timeout=SECONDS, timeout_retry=False)
        logits = np.frombuffer(await sandbox().read_file("logits.bin", text=False))
        if logits.size != truth.size:
            raise RuntimeError(run.stderr or f"exit code {run.returncode}, {logits.size} logits")
    except TimeoutError:
        return "timeout", f"not done after {SECONDS} seconds", truth
    except Exception as error:  # whatever broke, the submission may have broken it
        reason = "bad_output" if "bad output: " in str(error) else "crashed"
        return reason, str(error)[-2000:], truth
    worst = np.nan_to_num(abs(logits - truth), nan=np.inf).max()
    reason = "passed" if worst <= TOLERANCE else "wrong_logits"
    return reason, f"worst absolute error {worst:.2g}", logits


@scorer(metrics=[pass_rate()])
def parity() -> Scorer:
    async def score(state: TaskState, target: Target) -> Score:
        a, (_, *probes) = load(state.metadata)
        source, missed = "", None
        try:
            file = await sandbox().read_file("model.py", text=False)
            source = file[:1_000_000].decode(errors="replace")  # for the log
            reason, why, logits = await attempt(probes)
        except (OSError, RuntimeError, OutputLimitExceededError) as error:
            reason, why = "no_file", f"model.py cannot be read: {error}"
        if reason == "wrong_logits":
            where, missed = diagnose(logits, probes, a, TOLERANCE)
            why += f"; {where}; missed: {missed or 'no departures explain it'}"
        version = sha256(f"{state.metadata}{COMMAND}{Path(__file__).read_text('utf-8')}".encode())
        info = {"reason": reason, "missed": missed, "source": source, "hash": version.hexdigest()}
        return Score(value=int(reason == "passed"), explanation=f"{reason}: {why}", metadata=info)

    return score
