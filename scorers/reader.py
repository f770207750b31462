"""Reads, from a port's answers to the checkpoints of silencing.py, which architecture each of its parts computes."""

import time
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from identification.reading import Reading, answer
from identification.search import identify
from reference.architecture import SETTINGS, departures
from reference.transformer import Weights
from reference.variant import Call
from variants.certificate import alternatives
from variants.ports import head_counts, with_block

TOLERANCE = 5e-4
"""Worst absolute error of a logit that is right; the README derives it."""
SHOWN = 2 * TOLERANCE
"""What another setting must change for an answer to rule it out."""
UNTOUCHED = 1e-7
"""What rounding may change."""
PARTS = {
    "head": set[str](),
    "mlp": {"head"},
    "values": {"head"},
    "mask": {"head", "values"},
    "attention": {"head", "values", "mask"},
}
"""Part -> the parts that show in it too."""


SCALES = {"embedding_multiplier", "residual_multiplier", "value_scale", "norm_eps"}
"""Choices that only the MLP, beside the values, tells apart."""


class Evidence(NamedTuple):
    """What a port answers to the calls of one part, or to the graded ones."""

    part: str
    calls: list[Call]  # with what the original answers
    answers: list[np.ndarray]  # one (B, T, V) a call; NaN where the port crashed

    def errors(self) -> np.ndarray:
        """Worst absolute error at each position; NaN if the port did not answer there."""
        errors = np.zeros(max(call.tokens.shape[1] for call in self.calls))
        for call, logits in zip(self.calls, self.answers):
            worst = abs(logits - call.logits).max((0, 2))
            errors[: len(worst)] = np.maximum(errors[: len(worst)], worst)
        return errors

    def right_until(self) -> int:
        """The first position that is not right, or the number of positions."""
        right = self.errors() <= TOLERANCE
        return len(right) if right.all() else int(right.argmin())

    def is_answered(self) -> bool:
        return bool(np.isfinite(self.errors()).all())

    def is_right(self) -> bool:
        return bool((self.errors() <= TOLERANCE).all())

    def against(self, port: Reading, original: Reading) -> "Evidence":
        """The same, with what a port answers in place of the original's logits."""
        calls = [call._replace(logits=compute(call, port, original)) for call in self.calls]
        return self._replace(calls=calls)


class Fact(NamedTuple):
    """Before a position, the port answers a call as an architecture does, whose answers the call holds."""

    port: Reading
    call: Call
    until: int


class Reader:
    """Reads part by part, from the inside out, which architecture answers like the port."""

    def __init__(self, original: Reading, seconds: float):
        self.original, self.reading = original, original
        self.deadline = time.monotonic() + seconds
        self.settled: set[str] = set()  # choices that the port has as the original does
        self.facts: dict[str, list[Fact]] = {}  # part -> one fact, or one for each layer
        self.wrong: dict[str, int] = {}  # part that is not explained -> until which position it is
        self.evidence: dict[str, Evidence] = {}

    def read_all(self, evidence: dict[str, Evidence], graded: Evidence) -> None:
        """The head alone comes last of the first three, since norm_eps and embedding_multiplier are one there; after
        it the other two may be explained."""
        for part in ("mlp", "values", "head", "mlp", "values", "mask", "attention"):
            if part in evidence and (part in self.wrong or part not in self.facts):
                self.read(evidence[part], PARTS[part])
        self.read_layers([asked for part, asked in evidence.items() if part not in PARTS])
        self.read(graded, {*PARTS})

    def read(self, asked: Evidence, inside: set[str]) -> None:
        """Explains a part by what is known or, if the parts inside it are explained, by a search."""
        if not asked.is_answered():
            return
        found = self.explanation(asked, search=self.wrong.keys().isdisjoint(inside - {"head"}))
        self.reading = found or self.reading
        fact = self.fact(asked, self.reading)
        self.facts[asked.part] = [fact]
        self.wrong.pop(asked.part, None)
        if not found:
            self.wrong[asked.part], self.evidence[asked.part] = fact.until, asked
        for name in {"heads", *SETTINGS} - self.settled:
            if proved(name, [fact], self.original) == [getattr(self.original, name)]:
                self.settled.add(name)

    def read_layers(self, layers: list[Evidence]) -> None:
        """Each layer by itself, for stand-ins that differ from layer to layer."""
        search = "attention" in self.wrong and self.wrong.keys().isdisjoint(PARTS["attention"])
        facts = []
        for asked in layers:
            if asked.is_answered():
                facts.append(self.fact(asked, self.explanation(asked, search) or self.reading))
        self.facts["layers"] = facts

    def explanation(self, asked: Evidence, search: bool) -> Reading | None:
        """An architecture that answers a part like the port."""
        if asked.against(self.reading, self.original).is_right():
            return self.reading
        left = self.deadline - time.monotonic()
        settled = self.settled
        if asked.part == "head":
            settled = SETTINGS.keys() - {"logit_scale", "final_softcap"}
        calls = []
        for call, logits in zip(asked.calls, asked.answers):
            weights = with_block(call.weights, self.original.block, self.reading.block)
            calls.append(Call(weights, call.tokens, logits))
        seconds = left if asked.part == "all" else left / 2
        return identify(calls, self.reading, settled, seconds) if search else None

    def fact(self, asked: Evidence, port: Reading) -> Fact:
        """What is known of the answer to the longest call."""
        asked = asked.against(port, self.original)
        return Fact(port, max(asked.calls, key=lambda call: call.tokens.size), asked.right_until())

    def proved(self, name: str) -> list[Any]:
        """[the port's setting of a choice], or [] if nothing proves it or proofs contradict each other."""
        if name in self.settled:
            return [getattr(self.original, name)]
        proofs = [proved(name, facts, self.original) for facts in self.facts.values()]
        settings = {repr(proof): proof for proof in proofs if proof}
        return next(iter(settings.values())) if len(settings) == 1 else []

    def with_own(self, names: Iterable[str]) -> Reading:
        """The original, with the port's settings of some choices."""
        return replace(self.original, **{name: getattr(self.reading, name) for name in names})

    def added(self) -> dict[str, Any]:
        """What the port does and the original does not."""
        read = {"heads": self.reading.heads, "slip": self.reading.slip}
        added = {name: one for name, one in read.items() if one != getattr(self.original, name)}
        suspected = set[str]()
        for facts in self.facts.values():
            for fact in facts:
                suspected |= departures(fact.port).keys()
        suspected -= departures(self.original).keys() | self.settled
        for name in suspected - (SCALES if "mlp" in self.wrong else set()):
            for setting in self.proved(name):
                added |= {name: setting} if setting != SETTINGS[name][0] else {}
        return added

    def one_of(self) -> list[list[str]]:
        """For each wrong part that is not explained, the departures that show there and are not found: one or more is
        missed. One alone is told if nothing else can be wrong there: it is missed, or has another value."""
        lists, hidden = [], departures(self.original).keys()
        for part in roots(self.wrong):
            call, position = self.evidence[part].calls[-1], self.wrong[part]
            suspects = set[str]()
            for name in {"heads", *SETTINGS} - self.settled:
                if may_show(name, self.original, call, position):
                    suspects.add(name)
            named = [name for name in hidden if name in suspects]
            explained = any(self.proved(name) for name in named)
            if not explained and (len(named) > 1 or suspects == {*named}):
                lists += [named] if named else []
        return lists


def roots(wrong: dict[str, int]) -> list[str]:
    """Of wrong parts, with the position that each is right until, those that no part inside them explains."""
    found = []
    for part, until in wrong.items():
        inside = PARTS.get(part, PARTS.keys())
        if all(wrong.get(other, np.inf) > until for other in inside):
            found.append(part)
    return found


def proved(name: str, facts: list[Fact], original: Reading) -> list[Any]:
    """[the port's setting of a choice] if the facts rule out every other, else []. Each fact that the choice touches
    must rule out one, so that what is right in one layer only is not told."""
    settings = {getattr(fact.port, name) for fact in facts}
    if len(settings) != 1:
        return []
    (setting,) = settings
    true = getattr(original, name)
    others = [other for other in (true, *SETTINGS.get(name, ())[:1]) if other != setting]
    if setting == true:
        others = other_settings(name, original, facts[0].call.weights)
    ruled_out = set()
    for port, call, until in facts:
        touched, told = False, False
        for other in others:
            changed = change(call, replace(port, **{name: other}), original)
            touched = touched or changed.max() > UNTOUCHED
            if changed[:until].max(initial=0) > SHOWN:
                told = True
                ruled_out.add(other)
        if touched and not told:
            return []
    return [setting] if ruled_out.issuperset(others) else []


def change(call: Call, port: Reading, original: Reading) -> np.ndarray:
    """By how much a port misses the logits of a call at each position; inf if it cannot answer."""
    changed = abs(compute(call, port, original) - call.logits).max((0, 2))
    return np.nan_to_num(changed, nan=np.inf)


def may_show(name: str, original: Reading, call: Call, position: int) -> bool:
    """Does some other setting of a departure change what the original answers at a position?"""
    for setting in other_settings(name, original, call.weights):
        other = replace(original, **{name: setting})
        if UNTOUCHED < change(call, other, original)[position] < np.inf:
            return True
    return False


def other_settings(name: str, original: Reading, weights: Weights) -> list[Any]:
    """What a port may have instead of the true setting."""
    if name == "heads":
        return [heads for heads in head_counts(weights) if heads != original.heads]
    others = alternatives(name, getattr(original, name))
    if original.block == "parallel":  # with one norm to read, the same
        others = [other for other in others if other != "parallel_two_norms"]
    return others


def compute(call: Call, port: Reading, original: Reading) -> np.ndarray:
    """What a port answers to a call of the original's checkpoint: (B, T, V), of NaN if its parameters do not fit."""
    with np.errstate(all="ignore"):
        try:
            return answer(port, call.weights, call.tokens, original)
        except (KeyError, ValueError):
            return np.full_like(call.logits, np.nan)
