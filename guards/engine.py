"""Tells a fault of the engine or the host, which raises, from the submission's, which scores 0.

The harness says `started` before anything of the agent's can run, and that cannot be taken back.
Where it said nothing, the exit code tells: 1 is a docker command that did not reach its engine, a
negative one a docker command that the host killed; from 2 on the container refused to start a
process, or the process was killed in it. A sandbox that is dead by then was killed by the agent.
"""

import time

from inspect_ai.log import transcript
from inspect_ai.solver import TaskState
from inspect_ai.util import ExecResult, OutputLimitExceededError, SandboxUnavailableError, sandbox

BROKEN_BY_AGENT = (SandboxUnavailableError, PermissionError, OutputLimitExceededError)
"""A sandbox that is dead, closed to new processes, or flooded with output."""


async def execute(command: list[str], seconds: int, job: bytes = b"") -> ExecResult[str]:
    """Runs a command that prints. TimeoutError, BROKEN_BY_AGENT: the submission's fault.
    RuntimeError: the engine's or the host's; after a crash of a job, the engine is asked too."""
    start = time.monotonic()
    try:
        ran = await sandbox().exec(
            command, job, timeout=seconds, timeout_retry=False, concurrency=False
        )
    except TimeoutError as error:
        if time.monotonic() - start >= seconds:
            raise
        # its own exit code is the one that timeout(1) has for a timeout
        ran = ExecResult(False, 124, getattr(error, "truncated_output", None) or "", "")
    if not ran.stdout and ran.returncode <= 1:
        raise RuntimeError(f"the sandbox's engine failed: {ran.stderr or ran.returncode}")
    if job and not ran.success:
        await execute(["echo", "alive"], seconds)
    return ran


def raise_if_never_begun(state: TaskState) -> None:
    """RuntimeError: it was refused, or ended by an error before the agent's first answer."""
    if "refused" in state.store:
        raise RuntimeError(state.store.get("refused"))
    broken = [event.error.message for event in transcript().events if event.event == "error"]
    if broken and not state.output.choices:
        raise RuntimeError(broken[-1])
