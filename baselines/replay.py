"""A solver that grades a log again: it puts each model.py of the log into a fresh sandbox.

    inspect eval inspect_task.py --solver baselines/replay.py@replay -S log=logs/OLD.eval --model none --epochs 10

Give --epochs, and -T dataset, as in the old run. Files that lay beside model.py are not in a log.
"""

from inspect_ai.log import read_eval_log_sample_async
from inspect_ai.model import ModelOutput
from inspect_ai.solver import Generate, Solver, TaskState, solver
from inspect_ai.util import sandbox

LONGEST = 1_000_000  # bytes that sandbox/run_port.py tells of a model.py


@solver
def replay(log: str) -> Solver:
    """log: path or address. IndexError: it has no attempt at this row in this epoch."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        old = await read_eval_log_sample_async(log, state.sample_id, state.epoch)
        score = (old.scores or {}).get("parity")
        if score is None or old.invalidation:
            why = "is invalidated" if old.invalidation else "has no score"
            raise ValueError(f"epoch {state.epoch} of {state.sample_id} {why} in {log}")
        source = (score.metadata or {})["source"]
        lost = score.answer == "timeout" and not source
        if lost or len(source.encode()) >= LONGEST:
            raise ValueError(f"{log} does not hold the whole model.py of {state.sample_id}")
        if source:
            await sandbox().write_file("model.py", source)
        state.output = ModelOutput.from_content("replay", f"was {score.answer}")
        state.messages.append(state.output.message)
        return state

    return solve
