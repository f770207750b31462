"""Which model did they write? What a failing port has found and missed, and which of its parts are right.

The port is called once more, on checkpoints with parts set to zero (silencing.py). Part by part, from the inside out,
its answers are compared with the original's; where they differ, a search looks for an architecture that answers so.
Nothing here decides the grade, and nothing is guessed: a departure that no answer settles is not told.
"""

import json
import logging
import os
import pickle
import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from itertools import compress
from pathlib import Path
from subprocess import CalledProcessError
from typing import Any

import numpy as np
from anyio import CapacityLimiter, move_on_after, run_process, to_thread

from identification.reading import Reading
from reference.architecture import SETTINGS, Architecture, departures
from reference.variant import Call
from scorers.reader import PARTS, Evidence, Reader, roots
from scorers.silencing import silenced_calls

SECONDS = 20
"""After these the diagnosis is left out. The grade waits no longer."""
WORKERS = CapacityLimiter(max(1, (os.cpu_count() or 2) // 2))
"""Diagnoses at once: half of the cores stay free for other samples."""
ROOT = Path(__file__).parents[1]
HEAD_ONLY = ("embedding_multiplier", "logit_scale", "final_softcap")
"""Choices of the first and the last step alone, whose mistakes can be allowed for in the parts between."""
SIZES = (*HEAD_ONLY, "residual_multiplier", "norm_eps")
"""With these, all that a part is not blamed for: how large the stream is beside what it adds, and beside epsilon."""
TITLES = {"head": "embedding, head", "mlp": "MLP"}
"""How a sentence names a part, where it is not by its own name."""
KINDS = {
    "nearly_right": "every logit is within 1e-2",
    "other_checkpoint": "right on the given checkpoint only",
    "wrong_mask": "the mask is wrong from position {}",
    "wrong_attention": "attention is wrong from position {}",
    "wrong_values": "the values are wrong",
    "wrong_mlp": "the MLP is wrong",
    "wrong_head": "embedding or head is wrong",
    "several": "more than one part is wrong",
    "wrong_logits": "it could not be told what is wrong",
}
"""Reason -> how its sentence begins."""


@dataclass
class Diagnosis:
    """What goes into a Score's metadata. A departure of the original in none of these is not told."""

    reason: str = "wrong_logits"
    found: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    other_value: dict[str, list[Any]] = field(default_factory=dict)  # [the port's, the true one]
    one_of: list[list[str]] = field(default_factory=list)  # of each list, one or more is missed
    added: dict[str, Any] = field(default_factory=dict)
    right: list[str] = field(default_factory=list)
    sentence: str = KINDS["wrong_logits"]

    def metadata(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if name != "sentence"}


RunPort = Callable[[list[Call]], Awaitable[Any]]
"""Asks the port; the `logits` of what it returns are flat, of all calls, and after a crash of those before it."""


async def diagnose(
    architecture: Architecture, calls: list[Call], logits: np.ndarray, run_port: RunPort
) -> Diagnosis:
    """calls: the graded ones, with what the original answers. logits: what the port answers, flat, of all calls.
    run_port: asks the port further calls. What fails here, in our code or in the engine, is logged and tells nothing:
    the grade stands already."""
    with move_on_after(SECONDS):
        asked = await to_thread.run_sync(silenced_calls, architecture, calls)
        command = [sys.executable, "-m", "scorers.diagnosis"]
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
        try:
            silenced = await ask([call for pair in asked.values() for call in pair], run_port)
            job = pickle.dumps((architecture, calls, logits, silenced, SECONDS / 2))
            async with WORKERS:
                worker = await run_process(command, input=job, cwd=ROOT, env=environment)
            return Diagnosis(**json.loads(worker.stdout))
        except CalledProcessError as error:
            logging.getLogger(__name__).warning("diagnosis failed: %s", error.stderr.decode())
        except RuntimeError as error:  # the sandbox's engine
            logging.getLogger(__name__).warning("diagnosis failed: %s", error)
    return Diagnosis()


async def ask(calls: list[Call], run_port: RunPort) -> np.ndarray:
    """The port's logits, flat; NaN for a call on which it crashed, after which it is asked the rest."""
    logits: list[np.ndarray] = []
    while len(logits) < len(calls):
        left = calls[len(logits) :]
        answered = (await run_port(left)).logits
        if answered is None:
            break
        ends = np.cumsum([call.logits.size for call in left])
        whole = int((ends <= answered.size).sum())
        logits += split(answered[: ends[whole - 1]], left[:whole]) if whole else []
        logits += [np.full_like(call.logits, np.nan) for call in left[whole : whole + 1]]
    logits += [np.full_like(call.logits, np.nan) for call in calls[len(logits) :]]
    return np.concatenate([of_call.ravel() for of_call in logits])


def explain(
    architecture: Architecture,
    calls: list[Call],
    logits: np.ndarray,
    silenced: np.ndarray | None,
    seconds: float = np.inf,
) -> Diagnosis:
    """The diagnosis, from the port's answers to the graded and to the silenced calls. seconds: for searches."""
    graded = Evidence("all", calls, split(logits, calls))
    evidence = by_part(architecture, calls, silenced)
    original = Reading(**vars(architecture))
    reader = Reader(original, seconds)
    reader.read_all(evidence, graded)
    told = Diagnosis(one_of=reader.one_of(), added=reader.added())
    for name, true in departures(original).items():
        for setting in reader.proved(name):
            if setting == true:
                told.found.append(name)
            elif setting == SETTINGS[name][0]:
                told.missed.append(name)
            else:
                told.other_value[name] = [setting, true]
    for names in [names for names in told.one_of if len(names) == 1]:
        if len(SETTINGS[names[0]]) == 2:  # it has no other value
            told.one_of.remove(names)
            told.missed += names

    wrong = dict[str, int]()
    for part, asked in evidence.items():
        if part == "head":
            fair = allowed = asked
        else:
            fair, allowed = (
                asked.against(reader.with_own(names), original) for names in (HEAD_ONLY, SIZES)
            )
        if allowed.is_right():
            told.right.append(part)
        if asked.is_answered() and not fair.is_right():
            wrong[part] = fair.right_until()
    told.reason = reason(graded, wrong)
    told.sentence = sentence(told, original, graded)
    return told


def split(logits: np.ndarray, calls: list[Call]) -> list[np.ndarray]:
    ends = np.cumsum([call.logits.size for call in calls])[:-1]
    return [a.reshape(c.logits.shape) for a, c in zip(np.split(logits, ends), calls)]


def by_part(
    architecture: Architecture, calls: list[Call], silenced: np.ndarray | None
) -> dict[str, Evidence]:
    if silenced is None:
        return {}
    asked = silenced_calls(architecture, calls)
    answers = iter(split(silenced, [call for pair in asked.values() for call in pair]))
    return {
        part: Evidence(part, pair, [next(answers) for _ in pair]) for part, pair in asked.items()
    }


def reason(graded: Evidence, wrong: dict[str, int]) -> str:
    """The kind of wrong, in a word."""
    if graded.errors().max() < 1e-2:
        return "nearly_right"
    given = [call.weights is graded.calls[0].weights for call in graded.calls]
    calls, answers = list(compress(graded.calls, given)), list(compress(graded.answers, given))
    if Evidence("given", calls, answers).is_right():
        return "other_checkpoint"
    if not wrong:
        return "wrong_attention" if graded.right_until() else "wrong_logits"
    kinds = [part for part in roots(wrong) if part in PARTS]
    if "attention" in kinds and "mask" in kinds:
        kinds.remove("mask")
    return f"wrong_{kinds[0]}" if len(kinds) == 1 else "several"


def sentence(told: Diagnosis, original: Architecture, graded: Evidence) -> str:
    """The diagnosis in words."""
    hidden, clauses = departures(original), [KINDS[told.reason].format(graded.right_until())]
    titles = [TITLES.get(part, part) for part in told.right]
    if titles:
        clauses.append(f"{listed(titles)} {'are' if len(titles) > 1 else 'is'} right")
    if told.found:
        clauses.append(f"found {listed(told.found)}")
    for name in told.missed:
        baseline = SETTINGS[name][0]
        detail = "" if hidden[name] is True else f" (it is {hidden[name]}; Llama's is {baseline})"
        clauses.append(f"missed {name}{detail}")
    for name, (value, true) in told.other_value.items():
        clauses.append(f"has {name} {value} for {true}")
    for names in told.one_of:
        of_several = "at least one of " if len(names) > 1 else "the true value of "
        clauses.append(f"missed {of_several}{listed(names)}")
    for name, value in told.added.items():
        clauses.append(f"added {name} ({value})")
    return "; ".join(clauses)


def listed(words: list[str]) -> str:
    """a, b and c"""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


if __name__ == "__main__":
    print(json.dumps(asdict(explain(*pickle.load(sys.stdin.buffer)))))
