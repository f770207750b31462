"""Which model did they write? What a failing port has found and missed, and which of its parts are right.

It is asked again, part by part (reader.py). This never decides the grade, and tells nothing that no answer settles.
"""

import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from logging import getLogger
from typing import Any

import numpy as np
from anyio import CapacityLimiter, move_on_after, to_thread

from identification.reading import Reading
from identification.worker import in_a_process
from reference.architecture import SETTINGS, Architecture, departures
from reference.variant import Call
from scorers.reader import SIZES, Evidence, Reader, innermost, silenced_calls
from variants.certificate import TOLERANCE

SECONDS = 10
"""After these the diagnosis is left out. The grade waits no longer."""
SECONDS_OF_A_SEARCH = SECONDS / 6
"""Of its own CPU."""
WORKERS = CapacityLimiter(max(1, (os.cpu_count() or 2) // 2))
"""Diagnoses at once: half of the cores stay free for other samples."""
RunPort = Callable[[list[Call]], Awaitable[Any]]
"""Asks the port; the `logits` of what it returns are flat, of all calls, and after a crash of those before it."""
KINDS = {
    "nearly_right": "every logit is within 1e-2",
    "other_checkpoint": "right on the given checkpoint only",
    "wrong_mask": "the mask is wrong from position {}",
    "wrong_attention": "attention is wrong from position {}",
    "wrong_values": "the values are wrong",
    "wrong_mlp": "the MLP is wrong",
    "wrong_head": "embedding or head is wrong",
    "several": "more than one part is wrong, or how they are put together",
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
    sentence: str = ""


async def diagnose(
    architecture: Architecture, calls: list[Call], logits: np.ndarray, run_port: RunPort
) -> Diagnosis:
    """calls: the graded ones. logits: what the port answers, flat, of all. run_port: asks it further calls. What fails
    here, in our code or in the engine, is logged and tells nothing: the grade stands already."""
    with move_on_after(SECONDS):
        try:
            asked = await to_thread.run_sync(silenced_calls, architecture, calls)
            evidence = {"all": [*zip(calls, split(logits, calls))], **await ask(asked, run_port)}
            async with WORKERS:
                return await in_a_process(explain, architecture, evidence, SECONDS_OF_A_SEARCH)
        except Exception as error:  # of the engine, the host or our own
            getLogger(__name__).warning("diagnosis failed: %s", getattr(error, "stderr", error))
    return Diagnosis(sentence=KINDS["wrong_logits"])


async def ask(asked: list[tuple[str, Call]], run_port: RunPort) -> Evidence:
    """What the port answers. A call on which it crashes is left out, and it is asked the rest."""
    evidence: Evidence = {}
    while asked:
        calls = [call for _, call in asked]
        logits = (await run_port(calls)).logits
        answers = [] if logits is None else split(logits, calls)
        for (part, call), of_call in zip(asked, answers):
            if np.isfinite(of_call).all():
                evidence.setdefault(part, []).append((call, of_call))
        asked = asked[len(answers) + 1 :]
    return evidence


def split(logits: np.ndarray, calls: list[Call]) -> list[np.ndarray]:
    """Flat logits as those of each call, as far as they go."""
    ends = np.cumsum([call.logits.size for call in calls])
    pairs = zip(np.split(logits, ends), calls)
    return [a.reshape(c.logits.shape) for a, c in pairs if a.size == c.logits.size]


def explain(original: Architecture, evidence: Evidence, seconds: float = np.inf) -> Diagnosis:
    """The diagnosis, from what a port answers to the graded and to the silenced calls. seconds: of each search."""
    reader = Reader(Reading(**vars(original)), evidence, seconds)
    hidden = departures(original)
    told, untold = Diagnosis(), list[str]()
    for name in ("heads", *SETTINGS, "slip"):
        true, has = getattr(reader.original, name), getattr(reader.reading, name)
        if name not in hidden:
            if has != true and reader.is_proved(name):
                told.added[name] = has
        elif not reader.is_proved(name):
            untold.append(name)
        elif has == true:
            told.found.append(name)
        elif has == SETTINGS[name][0]:
            told.missed.append(name)
        else:
            told.other_value[name] = [has, true]
    for part in innermost(reader.wrong(reader.reading)):
        names = [name for name in untold if reader.shows(name, part)]
        told.one_of += [names] if len(names) > 1 else []
    # another size of the stream or of the logits makes every part wrong: only the head is blamed for it
    blamed_on_head = (*SIZES, "logit_scale", "final_softcap")
    allowed = {name: getattr(reader.reading, name) for name in blamed_on_head}
    wrong = reader.wrong(replace(reader.original, **allowed))
    wrong.pop("head", None)
    if "head" in reader.wrong(reader.original):
        wrong["head"] = 0
    told.right = [part for part in evidence if part not in {*wrong, "all"}]
    told.reason = reason(evidence, wrong)
    told.sentence = sentence(told, hidden, reader.until("all", reader.original))
    return told


def reason(evidence: Evidence, wrong: dict[str, float]) -> str:
    """The kind of wrong, in a word."""
    errors = [abs(logits - call.logits).max() for call, logits in evidence["all"]]
    if np.max(errors) < 1e-2:
        return "nearly_right"
    if np.max(errors[::2]) <= TOLERANCE:  # the two checkpoints take turns
        return "other_checkpoint"
    if evidence.keys() == {"all"}:
        return "wrong_attention" if wrong.get("all") else "wrong_logits"
    kinds = innermost(wrong)
    if "attention" in kinds and "mask" in kinds:
        kinds.remove("mask")
    return f"wrong_{kinds[0]}" if len(kinds) == 1 and kinds != ["all"] else "several"


def sentence(told: Diagnosis, hidden: dict[str, Any], position: float) -> str:
    """The diagnosis in words. hidden: the departures. position: the first that is wrong."""
    others = told.other_value.items()
    lists = {
        "right": told.right,
        "found": told.found,
        "missed": [f"{n} (it is {hidden[n]}; Llama's is {SETTINGS[n][0]})" for n in told.missed],
        "other value": [f"{n} ({has}; it is {true})" for n, (has, true) in others],
        "missed one or more of": [" or ".join(names) for names in told.one_of],
        "added": [f"{name} ({setting})" for name, setting in told.added.items()],
    }
    clauses = [f"{title}: {', '.join(items)}" for title, items in lists.items() if items]
    return "; ".join([KINDS[told.reason].format(position), *clauses])
