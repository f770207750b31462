"""A solver without a language model: submits a plain Llama, whatever the weights."""

import io
import sys
from pathlib import Path

import numpy as np
from inspect_ai.model import ModelOutput
from inspect_ai.solver import Generate, Solver, TaskState, solver
from inspect_ai.util import sandbox

sys.path.insert(0, str(Path(__file__).parents[1]))  # Inspect loads this file by its path

from identification.port import port
from reference.architecture import Architecture
from variants.ports import head_counts


@solver
def vanilla() -> Solver:
    async def solve(state: TaskState, generate: Generate) -> TaskState:
        weights = np.load(io.BytesIO(await sandbox().read_file("weights.npz", text=False)))
        plain = port(Architecture(heads=head_counts(dict(weights))[-1]), "A plain Llama.")
        await sandbox().write_file("model.py", plain)
        state.output = ModelOutput.from_content("vanilla", "Submitted a plain Llama.")
        state.messages.append(state.output.message)
        return state

    return solve
