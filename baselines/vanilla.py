"""A solver without a language model: submits vanilla_model.py, a plain port of Llama, whatever the weights."""

from pathlib import Path

from inspect_ai.model import ModelOutput
from inspect_ai.solver import Generate, Solver, TaskState, solver
from inspect_ai.util import sandbox

PORT = Path(__file__).with_name("vanilla_model.py")


@solver
def vanilla() -> Solver:
    async def solve(state: TaskState, generate: Generate) -> TaskState:
        await sandbox().write_file("model.py", PORT.read_text(encoding="utf-8"))
        state.output = ModelOutput.from_content("vanilla", "Submitted a plain port of Llama.")
        state.messages.append(state.output.message)
        return state

    return solve
