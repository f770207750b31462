"""A solver without a language model: a search over the catalogue of choices, of which it knows a share.

    inspect eval inspect_task.py --solver baselines/search.py@search --model none --sandbox local \\
        -S knowledge=0.8 -S spread=1.5 -S seed=1

With knowledge 1 it shows that the public files suffice to solve a variant. With less, it fails as a model does that
has not thought of a choice; with 0 it submits a plain Llama. With a spread, it knows some choices better than others.
What it knows is drawn anew for each attempt.
"""

import io
import sys
from pathlib import Path
from random import Random

import numpy as np
from inspect_ai.model import ModelOutput
from inspect_ai.solver import Generate, Solver, TaskState, solver
from inspect_ai.util import sandbox
from scipy.special import expit, logit

sys.path.insert(0, str(Path(__file__).parents[1]))  # Inspect loads this file by its path

from identification.port import port
from identification.search import recover
from identification.worker import in_a_process
from reference.architecture import SETTINGS, departures


def shares(knowledge: float | dict[str, float], spread: float = 0.0) -> dict[str, float]:
    """Choice -> the probability that an attempt knows it: knowledge or, with a spread, that many logits about it, the
    same in every run. A dict gives it for the choices that it names; the others are known."""
    if isinstance(knowledge, dict):
        return {name: float(knowledge.get(name, 1)) for name in SETTINGS}
    return {n: float(expit(logit(knowledge) + Random(n).gauss(0, spread))) for n in SETTINGS}


@solver
def search(knowledge: float | dict = 1.0, spread: float = 0.0, seed: int | str = 0) -> Solver:
    """Reads only what the agent is given."""
    known_shares = shares(knowledge, spread)
    if not all(0 <= share <= 1 for share in known_shares.values()):  # nan is none of them
        raise ValueError(f"knowledge is a share from 0 to 1, or one for each choice: {knowledge}")

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        random = Random(f"{seed} {state.sample_id} {state.epoch}")
        known = [name for name, share in known_shares.items() if random.random() < share]
        weights = np.load(io.BytesIO(await sandbox().read_file("weights.npz", text=False)))
        traces = np.load(io.BytesIO(await sandbox().read_file("traces.npz", text=False)))
        job = dict(weights), traces["tokens"], traces["logits"], known
        found, error = await in_a_process(recover, *job)
        unknown = ", ".join(sorted(SETTINGS.keys() - known)) or "nothing"
        facts = f"Worst error: {error:.2g}\nFound: {departures(found)}\nUnknown: {unknown}"
        await sandbox().write_file("model.py", port(found, facts))
        state.output = ModelOutput.from_content("search", facts)
        state.messages.append(state.output.message)
        return state

    return solve
