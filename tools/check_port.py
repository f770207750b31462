"""The agent's own parity check: the scorer's harness on the traces, never on the probes."""

from inspect_ai.tool import Tool, tool
from inspect_ai.util import store

from reference.rows import Row, load
from scorers.parity import run_port


@tool
def check_port() -> Tool:
    async def execute() -> str:
        """Run model.py on the traces as the grader does on unseen tokens; tells the worst absolute error."""
        traces, *_ = load(Row(**store().get("row")))
        outcome = await run_port([traces] * 2)  # twice: a port may alter its weights
        return f"{outcome.detail} on the traces" if outcome.reason == "passed" else outcome.detail

    return execute
