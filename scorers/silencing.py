"""Checkpoints with parts set to zero, on which a port shows which of its parts are right.

head: no layer adds anything. mlp: no attention. values: no MLP, and every query is zero, at position 0. mask: the same,
at all positions. attention: no MLP. layer 0, layer 1, ...: no other layer adds anything.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from identification.search import SLIPS
from reference.architecture import Architecture
from reference.transformer import Weights, forward
from reference.variant import Call
from variants.certificate import alternatives
from variants.ports import head_sizes, with_block

TOLERANCE = 5e-4
"""Worst absolute error of a logit that is right; the README derives it."""
SHOWN = 2 * TOLERANCE
"""What another setting must change for a right answer to rule it out."""
UNTOUCHED = 1e-7
"""What rounding may change."""


class Evidence(NamedTuple):
    """What a port answers to the calls of one part, or to the graded ones."""

    part: str
    calls: list[Call]
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

    def is_right(self) -> bool:
        return bool((self.errors() <= TOLERANCE).all())

    def is_wrong(self) -> bool:
        return bool(np.isfinite(self.errors()).all()) and not self.is_right()


class Fact(NamedTuple):
    """Before a position, the port answers a call as an architecture does; the call's logits are those answers."""

    computed: Architecture
    call: Call
    until: int


def parts(weights: Weights, architecture: Architecture) -> dict[str, Weights]:
    """Part -> the checkpoint with all else set to zero."""
    layers = range(sum(name.endswith("w_o") for name in weights))
    unasked = without_queries(without(weights, ".w_out"), architecture)
    silenced = {
        "head": without(weights, ".w_o", ".w_out"),
        "mlp": without(weights, ".w_o"),
        "values": unasked,
        "mask": unasked,
        "attention": without(weights, ".w_out"),
    }
    for layer in layers:
        silenced[f"layer {layer}"] = without(weights, ".w_o", ".w_out", but=f"layers.{layer}.")
    return silenced


def without(weights: Weights, *ends: str, but: str = "nothing") -> Weights:
    silenced = dict(weights)
    for name, tensor in weights.items():
        if name.endswith(ends) and not name.startswith(but):
            silenced[name] = np.zeros_like(tensor)
    return silenced


def without_queries(weights: Weights, architecture: Architecture) -> Weights:
    """With q of zero, every score is zero."""
    head_dim, kv_heads = head_sizes(weights, architecture.heads)
    groups = kv_heads if architecture.qkv_layout == "per_group" else 1
    silenced = dict(weights)
    for name, tensor in weights.items():
        if name.endswith(("w_qkv", "b_qkv")):
            silenced[name] = tensor.copy()
            grouped = silenced[name].reshape(groups, -1, head_dim, *tensor.shape[1:])
            grouped[:, : architecture.heads // groups] = 0
    return silenced


def silenced_calls(architecture: Architecture, calls: Sequence[Call]) -> dict[str, list[Call]]:
    """Part -> a call of each of the two checkpoints that the graded calls are made with."""
    longest = max(call.tokens.shape[1] for call in calls)
    asked: dict[str, list[Call]] = {}
    for weights, tokens, _ in calls:
        if tokens.shape[1] < longest:
            continue
        for part, silenced in parts(weights, architecture).items():
            given = tokens.reshape(-1, 1) if part == "values" else tokens
            call = Call(silenced, given, forward(silenced, given, architecture))
            asked.setdefault(part, []).append(call)
    return asked


def proved(name: str, facts: list[Fact], original: Architecture) -> list[Any]:
    """[the port's setting of a choice] if the facts rule out every other, else []. Each fact that the choice touches
    must rule out one, so that what is right in one layer only is not told."""
    settings = {getattr(fact.computed, name) for fact in facts}
    if len(settings) != 1:
        return []
    (setting,) = settings
    others = other_settings(name, setting, original)
    ruled_out = set()
    for computed, call, until in facts:
        touched, told = False, False
        for other in others:
            changed = change(call, replace(computed, **{name: other}), original)
            touched = touched or changed.max() > UNTOUCHED
            if changed[:until].max(initial=0) > SHOWN:
                told = True
                ruled_out.add(other)
        if touched and not told:
            return []
    return [setting] if ruled_out.issuperset(others) else []


def may_show(name: str, original: Architecture, call: Call, position: int) -> bool:
    """Does some other setting of a departure change what the original answers at a position?"""
    for setting in other_settings(name, getattr(original, name), original):
        other = replace(original, **{name: setting})
        if change(call, other, original)[position] > UNTOUCHED:
            return True
    return False


def other_settings(name: str, setting: Any, original: Architecture) -> list[Any]:
    """The settings that a port may be confused with: those near, the baseline and the true one."""
    others, true = alternatives(name, setting), getattr(original, name)
    return others if true in (setting, *others) else [*others, true]


def change(call: Call, architecture: Architecture, original: Architecture) -> np.ndarray:
    """Largest change of the logits at each position if an architecture answers the call; inf where it cannot."""
    weights = with_block(call.weights, original.block, architecture.block)
    if slip := getattr(architecture, "slip", None):
        weights, architecture = SLIPS[slip](weights, architecture)
    with np.errstate(all="ignore"):
        try:
            changed = abs(forward(weights, call.tokens, architecture) - call.logits).max((0, 2))
        except (KeyError, ValueError):  # it wants parameters that the checkpoint lacks
            return np.full(call.tokens.shape[1], np.inf)
    return np.nan_to_num(changed, nan=np.inf)
