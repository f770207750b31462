"""A solver for tests of calibration: told the answer, it forgets each departure with a probability of its own."""

from dataclasses import replace
from random import Random

from inspect_ai.model import ModelOutput
from inspect_ai.solver import Generate, Solver, TaskState, solver
from inspect_ai.util import sandbox
from scipy.special import expit, logit

from identification.port import port
from reference.architecture import SETTINGS, Architecture, departures


def find_rate(name: str, mean: float, spread: float) -> float:
    return float(expit(logit(mean) + spread * Random(name).gauss(0, 1)))


@solver
def finder(mean: float = 0.6, spread: float = 1.0) -> Solver:
    async def solve(state: TaskState, generate: Generate) -> TaskState:
        architecture, random = Architecture(**state.metadata["architecture"]), Random()
        for name in departures(architecture):
            if random.random() > find_rate(name, mean, spread):
                architecture = replace(architecture, **{name: SETTINGS[name][0]})
        await sandbox().write_file("model.py", port(architecture, "found"))
        state.output = ModelOutput.from_content("finder", "done")
        return state

    return solve
