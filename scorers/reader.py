"""Reads, from a port's answers to the checkpoints of silencing.py, which architecture each of its parts computes."""

import time
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from identification.search import SLIPS, identify
from reference.architecture import SETTINGS, Architecture, departures
from reference.transformer import forward
from reference.variant import Call
from variants.certificate import alternatives
from variants.ports import with_block

TOLERANCE = 5e-4
"""Worst absolute error of a logit that is right; the README derives it."""
SHOWN = 2 * TOLERANCE
"""What another setting must change for an answer to rule it out."""
UNTOUCHED = 1e-7
"""What rounding may change."""
PARTS: dict[str, tuple[str, ...]] = {
    "mlp": ("head",),
    "head": (),
    "values": ("head",),
    "mask": ("head", "values"),
    "attention": ("head", "values", "mask"),
}
"""Part -> the parts that show in it too, in the order of reading. The head comes second, since norm_eps and
embedding_multiplier are one there."""


class Evidence(NamedTuple):
    """What a port answers to the calls of one part, or to the graded ones."""

    part: str
    calls: list[Call]  # with what the original answers
    answers: list[np.ndarray]  # one (B, T, V) a call; NaN where the port crashed

    def errors(self) -> np.ndarray:
        """Worst absolute error at each position; NaN if the port did not answer there."""
        errors = np.zeros(max(call.tokens.shape[1] for call in self.calls))
        for call, answer in zip(self.calls, self.answers):
            worst = abs(answer - call.logits).max((0, 2))
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

    def against(self, port: Architecture, original: Architecture) -> "Evidence":
        """The same, with what a port answers in place of the original's logits."""
        calls = [call._replace(logits=compute(call, port, original)) for call in self.calls]
        return self._replace(calls=calls)


class Fact(NamedTuple):
    """Before a position, the port answers a call as an architecture does, whose answers the call holds."""

    port: Architecture
    call: Call
    until: int


class Reader:
    """Reads part by part, from the inside out, which architecture answers like the port."""

    def __init__(self, original: Architecture, seconds: float):
        self.original, self.reading = original, original
        self.deadline = time.monotonic() + seconds
        self.settled: set[str] = set()  # choices that the port has as the original does
        self.facts: list[list[Fact]] = []  # those of one list are about different layers
        self.wrong: dict[str, int] = {}  # part that is not explained -> until which position it is
        self.evidence: dict[str, Evidence] = {}

    def read_all(self, evidence: dict[str, Evidence], graded: Evidence) -> None:
        for part, inside in PARTS.items():
            if part in evidence:
                self.read(evidence[part], inside)
        self.read_layers([asked for part, asked in evidence.items() if part not in PARTS])
        self.read(graded, tuple(PARTS))

    def read(self, asked: Evidence, inside: tuple[str, ...]) -> None:
        """Explains a part by what is known or, if the parts inside it are explained, by a search."""
        if not asked.is_answered():
            return
        found = self.explanation(asked, search=self.wrong.keys().isdisjoint(inside))
        self.reading = found or self.reading
        fact = self.fact(asked, self.reading)
        self.facts.append([fact])
        if not found:
            self.wrong[asked.part], self.evidence[asked.part] = fact.until, asked
        for name in SETTINGS.keys() - self.settled:
            if proved(name, [fact], self.original) == [getattr(self.original, name)]:
                self.settled.add(name)

    def read_layers(self, layers: list[Evidence]) -> None:
        """Each layer by itself, for stand-ins that differ from layer to layer."""
        search = "attention" in self.wrong and self.wrong.keys().isdisjoint(PARTS["attention"])
        facts = []
        for asked in layers:
            if asked.is_answered():
                facts.append(self.fact(asked, self.explanation(asked, search) or self.reading))
        self.facts.append(facts)

    def explanation(self, asked: Evidence, search: bool) -> Architecture | None:
        """An architecture that answers a part like the port."""
        if asked.against(self.reading, self.original).is_right():
            return self.reading
        left = self.deadline - time.monotonic()
        settled = self.settled
        if asked.part == "head":
            settled = SETTINGS.keys() - {"logit_scale", "final_softcap"}
        calls = []
        for call, answer in zip(asked.calls, asked.answers):
            weights = with_block(call.weights, self.original.block, self.reading.block)
            calls.append(Call(weights, call.tokens, answer))
        seconds = left if asked.part == "all" else left / 2
        return identify(calls, self.reading, settled, seconds) if search else None

    def fact(self, asked: Evidence, port: Architecture) -> Fact:
        """What is known of the answer to the longest call."""
        asked = asked.against(port, self.original)
        return Fact(port, max(asked.calls, key=lambda call: call.tokens.size), asked.right_until())

    def proved(self, name: str) -> list[Any]:
        """[the port's setting of a choice], or [] if nothing proves it or proofs contradict each other."""
        if name in self.settled:
            return [getattr(self.original, name)]
        proofs = [proved(name, facts, self.original) for facts in self.facts]
        settings = {repr(proof): proof for proof in proofs if proof}
        return next(iter(settings.values())) if len(settings) == 1 else []

    def added(self) -> dict[str, Any]:
        """What the port does and the original does not."""
        read = {name: getattr(self.reading, name, None) for name in ("heads", "slip")}
        added = {n: one for n, one in read.items() if one != getattr(self.original, n, None)}
        suspected = {
            name for facts in self.facts for fact in facts for name in departures(fact.port)
        }
        for name in suspected - departures(self.original).keys() - self.settled:
            for setting in self.proved(name):
                added |= {name: setting} if setting != SETTINGS[name][0] else {}
        return added

    def one_of(self) -> list[list[str]]:
        """For each wrong part that is not explained, the departures that show there and are not found: one or more is
        missed. Left out if one of them is known to be."""
        lists = []
        for part in roots(self.wrong):
            call, suspects, explained = self.evidence[part].calls[-1], list[str](), False
            for name in departures(self.original).keys() - self.settled:
                if may_show(name, self.original, call, self.wrong[part]):
                    suspects.append(name)
                    explained = explained or bool(self.proved(name))
            if suspects and not explained:
                lists.append(suspects)
        return lists


def roots(wrong: dict[str, int]) -> list[str]:
    """Of wrong parts, with the position that each is right until, those that no part inside them explains."""
    found = []
    for part, until in wrong.items():
        inside = PARTS.get(part, tuple(PARTS))
        if all(wrong.get(other, np.inf) > until for other in inside):
            found.append(part)
    return found


def proved(name: str, facts: list[Fact], original: Architecture) -> list[Any]:
    """[the port's setting of a choice] if the facts rule out every other, else []. Each fact that the choice touches
    must rule out one, so that what is right in one layer only is not told."""
    settings = {getattr(fact.port, name) for fact in facts}
    if len(settings) != 1:
        return []
    (setting,) = settings
    true, baseline = getattr(original, name), SETTINGS[name][0]
    others = [other for other in (true, baseline) if other != setting]
    if setting == true:
        others = other_settings(name, original)
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


def change(call: Call, port: Architecture, original: Architecture) -> np.ndarray:
    """By how much a port misses the logits of a call at each position; inf if it cannot answer."""
    changed = abs(compute(call, port, original) - call.logits).max((0, 2))
    return np.nan_to_num(changed, nan=np.inf)


def may_show(name: str, original: Architecture, call: Call, position: int) -> bool:
    """Does some other setting of a departure change what the original answers at a position?"""
    for setting in other_settings(name, original):
        other = replace(original, **{name: setting})
        if change(call, other, original)[position] > UNTOUCHED:
            return True
    return False


def other_settings(name: str, original: Architecture) -> list[Any]:
    """What a port may have instead of the true setting."""
    others = alternatives(name, getattr(original, name))
    if original.block == "parallel":  # with one norm to read, the same
        others = [other for other in others if other != "parallel_two_norms"]
    return others


def compute(call: Call, port: Architecture, original: Architecture) -> np.ndarray:
    """What a port answers to a call of the original's checkpoint: (B, T, V), of NaN if its parameters do not fit."""
    weights = with_block(call.weights, original.block, port.block)
    if slip := getattr(port, "slip", None):
        weights, port = SLIPS[slip](weights, port)
    with np.errstate(all="ignore"):
        try:
            return forward(weights, call.tokens, port)
        except (KeyError, ValueError):
            return np.full_like(call.logits, np.nan)
