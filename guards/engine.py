"""Tells a fault of the engine or the host, which raises, from the submission's, which scores 0.

The exit code tells. 1: docker did not reach its engine. 255: it lost it on the way. Negative: the host killed the docker
command. The shell around the harness, which the agent cannot trace, turns the port's own codes into 2, so that nothing in
the sandbox can imitate these. But an engine answers with 1, too, while a container dies. So it is asked again: a sandbox
that is dead by then was killed by the agent, unless its engine was restarted during the attempt.

125 to 127: no process could be started. An engine may fail so for a moment. The agent can cause it, too, by using up its
processes, so if it lasts, it counts as the agent's fault.
"""

from dataclasses import replace
from datetime import datetime

from anyio import sleep
from inspect_ai.log import transcript
from inspect_ai.solver import TaskState
from inspect_ai.util import (
    ExecResult,
    OutputLimitExceededError,
    SandboxUnavailableError,
    sandbox,
    subprocess,
)

BROKEN_BY_AGENT = (SandboxUnavailableError, PermissionError, OutputLimitExceededError)
"""A sandbox that is dead, closed to new processes, or flooded with output."""
ENGINE_FAILED, NOT_STARTED = {1, 255}, {125, 126, 127}
PAUSES = (5, 10, 0)  # seconds after each call of an engine that seems to fail
SHELL = """
exec 3<&0
python -I -c "$0" <&3 3<&- &
trap "kill -9 $!" TERM
wait $! || exit 2
"""
"""Runs a Python source, in the background so that TERM can end both when the time is up. What runs there would have no
stdin, hence 3."""
ENGINE_START = ["docker", "network", "inspect", "bridge", "--format", "{{json .Created}}"]
"""An engine makes its default network whenever it starts."""


async def execute(source: str, seconds: int, job: bytes) -> ExecResult[str]:
    """Runs a Python source. TimeoutError, BROKEN_BY_AGENT: the submission's fault. RuntimeError: the engine's or the
    host's."""
    command = ["sh", "-c", SHELL, source]
    for pause in PAUSES:
        try:
            ran = await sandbox().exec(command, job, timeout=seconds, concurrency=False)
        except SandboxUnavailableError:
            if await is_restarted():
                raise RuntimeError("the engine was restarted during the attempt") from None
            raise
        if ran.returncode >= 0 and ran.returncode not in ENGINE_FAILED | NOT_STARTED:
            return ran
        await sleep(pause)
    if ran.returncode in NOT_STARTED:
        return replace(ran, stderr=ran.stdout + ran.stderr)  # one of them says why
    raise RuntimeError(f"the sandbox's engine failed: {ran.stderr or ran.returncode}")


async def is_restarted() -> bool:
    """Was the engine started after the attempt was? False where none can be asked."""
    try:
        start = (await subprocess(ENGINE_START, timeout=60)).stdout
        return datetime.fromisoformat(start.strip('"\n')) > transcript().events[0].timestamp
    except (OSError, ValueError):  # no docker, no such network; TimeoutError is an OSError
        return False


def raise_if_never_begun(state: TaskState) -> None:
    """RuntimeError: the sample was refused, or ended by an error before the model's first answer."""
    if "refused" in state.store:
        raise RuntimeError(state.store.get("refused"))
    events = transcript().events
    broken = [event.error.message for event in events if event.event == "error"]
    # an agent's own loop may set the state's output at its end only; a call that failed has an empty output
    calls = [event for event in events if event.event == "model"]
    answers = [call.output for call in calls if not (call.error or call.pending)]
    if broken and not any(answer.choices for answer in (state.output, *answers)):
        raise RuntimeError(broken[-1])
