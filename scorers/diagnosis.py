"""Which model did they write? What a failing port has found and missed, and which of its parts are right.

A port is asked in two ways. Identification reads its answers to the graded calls as those of another architecture.
Silencing calls it once more, on checkpoints with parts set to zero. Nothing here decides the grade, and nothing is
guessed: a departure that neither way settles is not told.
"""

import json
import logging
import os
import pickle
import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from subprocess import CalledProcessError
from typing import Any

import numpy as np
from anyio import CapacityLimiter, move_on_after, run_process, to_thread

from identification.search import identify
from reference.architecture import SETTINGS, Architecture, departures
from reference.variant import Call
from scorers.silencing import Evidence, Fact, may_show, proved, silenced_calls

SECONDS = 10
"""After these the diagnosis is left out. The grade waits no longer."""
WORKERS = CapacityLimiter(max(1, (os.cpu_count() or 2) // 2))
"""Diagnoses at once: half of the cores stay free for other samples."""
HEAD_ONLY = ("embedding_multiplier", "logit_scale", "final_softcap")
"""Choices that change the first and last step alone, whose mistakes can be allowed for in the parts between."""
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
HERE = Path(__file__).parents[1]


HERE = Path(__file__).parents[1]


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


async def diagnose(
    architecture: Architecture,
    calls: list[Call],
    logits: np.ndarray,
    run_port: Callable[[list[Call]], Awaitable[np.ndarray | None]],
) -> Diagnosis:
    """calls: the graded ones, with what the original answers. logits: what the port answers, flat, of all calls.
    run_port: asks the port further calls, and gives its logits, flat, NaN where a call crashed; None if it did not
    answer. A fault of our own is logged and tells nothing: the grade stands already."""
    with move_on_after(SECONDS):
        asked = await to_thread.run_sync(silenced_calls, architecture, calls)
        silenced = await run_port([call for pair in asked.values() for call in pair])
        job = pickle.dumps((architecture, calls, logits, silenced))
        command = [sys.executable, "-m", "scorers.diagnosis"]
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
        try:
            async with WORKERS:
                worker = await run_process(command, input=job, cwd=HERE, env=environment)
            return Diagnosis(**json.loads(worker.stdout))
        except CalledProcessError as error:
            logging.getLogger(__name__).warning("diagnosis failed: %s", error.stderr.decode())
    return Diagnosis()


def explain(
    original: Architecture, calls: list[Call], logits: np.ndarray, silenced: np.ndarray | None
) -> Diagnosis:
    """The diagnosis, from the port's answers to the graded and to the silenced calls."""
    graded = Evidence("all", calls, split(logits, calls))
    computed = identified(graded, original)
    base, evidence = original, by_part(original, calls, silenced)
    if evidence and evidence["head"].is_wrong():
        head = computed or identified(evidence["head"], original)
        if head:
            base = replace(original, **{name: getattr(head, name) for name in HEAD_ONLY})
            evidence = {**by_part(base, calls, silenced), "head": evidence["head"]}
    told = Diagnosis(right=[part for part, asked in evidence.items() if asked.is_right()])
    if computed:
        settle(told, original, [[fact(graded, computed, computed)]])
    else:
        explained = {part: explanation(asked, base) for part, asked in evidence.items()}
        facts = {part: fact(evidence[part], explained[part], base) for part in evidence}
        layers = [fact for part, fact in facts.items() if part.startswith("layer")]
        alone = [[fact] for part, fact in facts.items() if not part.startswith("layer")]
        settle(told, original, [*alone, layers, [fact(graded, None, original)]])
        eliminate(told, base, [evidence[part] for part in evidence if not explained[part]])
    told.reason = reason(graded, evidence, base != original)
    told.sentence = sentence(told, original, graded)
    return told


def split(logits: np.ndarray, calls: list[Call]) -> list[np.ndarray]:
    ends = np.cumsum([call.logits.size for call in calls])[:-1]
    return [a.reshape(c.logits.shape) for a, c in zip(np.split(logits, ends), calls)]


def by_part(
    original: Architecture, calls: list[Call], silenced: np.ndarray | None
) -> dict[str, Evidence]:
    if silenced is None:
        return {}
    asked = silenced_calls(original, calls)
    answers = iter(split(silenced, [call for pair in asked.values() for call in pair]))
    return {
        part: Evidence(part, pair, [next(answers) for _ in pair]) for part, pair in asked.items()
    }


def identified(asked: Evidence, start: Architecture) -> Architecture | None:
    """The architecture that the answers are those of, if one is found."""
    if not np.isfinite(asked.errors()).all():
        return None
    calls = [call._replace(logits=answer) for call, answer in zip(asked.calls, asked.answers)]
    return identify(calls, start)


def explanation(asked: Evidence, base: Architecture) -> Architecture | None:
    """The architecture that answers a part like the port, if one is known."""
    return base if asked.is_right() else identified(asked, base)


def fact(asked: Evidence, computed: Architecture | None, base: Architecture) -> Fact:
    """What the port is known to compute on the longest call."""
    longest = max(range(len(asked.calls)), key=lambda n: asked.calls[n].tokens.size)
    call = asked.calls[longest]._replace(logits=asked.answers[longest])
    return Fact(computed or base, call, len(asked.errors()) if computed else asked.right_until())


def settle(told: Diagnosis, original: Architecture, groups: list[list[Fact]]) -> None:
    """Tells each departure that one of the groups of facts proves."""
    hidden, suspected = departures(original), dict[str, Any]()
    for group in groups:
        for computed, _, _ in group:
            suspected |= departures(computed)
    for name in hidden | suspected:
        settings = next(filter(None, (proved(name, group, original) for group in groups)), [])
        for setting in settings:
            if name not in hidden and setting != SETTINGS[name][0]:
                told.added[name] = setting
            elif name in hidden and setting == hidden[name]:
                told.found.append(name)
            elif name in hidden and setting == SETTINGS[name][0]:
                told.missed.append(name)
            elif name in hidden:
                told.other_value[name] = [setting, hidden[name]]


def eliminate(told: Diagnosis, base: Architecture, unexplained: list[Evidence]) -> None:
    """Where a part is wrong, one of the departures is missed that show there and are not found."""
    lists: list[list[str]] = []
    for asked in filter(Evidence.is_wrong, unexplained):
        position, suspects = asked.right_until(), list[str]()
        for name in departures(base):
            if name not in told.found and may_show(name, base, asked.calls[0], position):
                suspects.append(name)
        known = [*([name] for name in [*told.missed, *told.other_value]), *lists]
        if suspects and not any(set(suspects).issuperset(names) for names in known):
            lists.append(suspects)
    told.missed += [names[0] for names in lists if len(names) == 1]
    told.one_of = [names for names in lists if len(names) > 1]


def reason(graded: Evidence, evidence: dict[str, Evidence], head_is_known: bool) -> str:
    """The kind of wrong, in one word."""
    if graded.errors().max() < 1e-2:
        return "nearly_right"
    given = graded.calls[0].weights
    for_given = [(c, a) for c, a in zip(graded.calls, graded.answers) if c.weights is given]
    if Evidence("given", *map(list, zip(*for_given))).is_right():
        return "other_checkpoint"
    if not evidence:
        return "wrong_attention" if graded.right_until() else "wrong_logits"
    wrong = [part for part in evidence if evidence[part].is_wrong()]
    until = {part: evidence[part].right_until() for part in evidence}
    roots = [part for part in ("head", "mlp", "values") if part in wrong]
    if "head" in wrong and not head_is_known:
        roots = ["head"]
    elif "values" not in wrong and {"mask", "attention"}.intersection(wrong):
        roots.append("mask" if until["mask"] <= until["attention"] else "attention")
    if len(roots) == 1:
        return f"wrong_{roots[0]}"
    return "several" if wrong else "wrong_logits"


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
        clauses.append(f"missed at least one of {listed(names)}")
    for name, value in told.added.items():
        clauses.append(f"added {name} ({value})")
    return "; ".join(clauses)


def listed(words: list[str]) -> str:
    """a, b and c"""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


if __name__ == "__main__":
    print(json.dumps(asdict(explain(*pickle.load(sys.stdin.buffer)))))
