"""A solver without a language model: a search over the catalogue of choices, of which it knows a share.

    inspect eval inspect_task.py --solver baselines/search.py@search --model mockllm/model --sandbox local \\
        -S knowledge=0.8 -S seed=1

With knowledge 1 it shows that the public files suffice to solve a variant; with less, how the number of
departures grades: it needs to have thought of each. What it knows is drawn anew for each attempt.
"""

import pickle
import sys
from pathlib import Path

from inspect_ai._util.error import PrerequisiteError
from inspect_ai.model import ModelOutput
from inspect_ai.solver import Generate, Solver, TaskState, solver
from inspect_ai.util import sandbox, subprocess

ROOT = Path(__file__).resolve().parents[1]


@solver
def search(knowledge: float = 1.0, seed: int = 0) -> Solver:
    """Knows each choice with a probability of `knowledge`, and reads only what the agent is given."""
    if not isinstance(knowledge, int | float) or not 0 <= knowledge <= 1:
        raise PrerequisiteError(f"knowledge is a share from 0 to 1, not {knowledge!r}")

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        names = ("weights.npz", "traces.npz")
        files = pickle.dumps([await sandbox().read_file(name, text=False) for name in names])
        command = ["baselines.recover", str(knowledge), f"{seed} {state.sample_id} {state.epoch}"]
        run = await subprocess(
            [sys.executable, "-m", *command],
            input=files,
            cwd=ROOT,
            env={"OPENBLAS_NUM_THREADS": "1"},
        )
        if not run.success:
            raise RuntimeError(run.stderr)
        await sandbox().write_file("model.py", run.stdout)
        state.output = ModelOutput.from_content("search", run.stdout.split('"""')[1])
        state.messages.append(state.output.message)
        return state

    return solve
