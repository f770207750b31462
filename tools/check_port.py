"""The agent's own parity check: the scorer's harness on the traces, never on the probes."""

from contextvars import ContextVar

from inspect_ai.tool import Tool, tool

from scorers.parity import attempt

traces: ContextVar[tuple] = ContextVar("traces")
"""The call of the traces of the sample that runs in this context."""


@tool
def check_port() -> Tool:
    async def execute() -> str:
        """Run model.py on the traces as the grader does on unseen tokens; tells the worst absolute error."""
        return (await attempt([traces.get()] * 2))[1]  # twice: a port may alter its weights

    return execute
