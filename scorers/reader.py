"""Reads which architecture a port computes off its answers, also to checkpoints with parts set to zero."""

from dataclasses import replace
from functools import cache

import numpy as np

from identification.reading import Reading, answer
from identification.search import identify
from reference.architecture import SETTINGS, Architecture
from reference.transformer import Weights, forward
from reference.variant import Call
from variants.certificate import TOLERANCE, alternatives
from variants.ports import head_sizes, with_block

INSIDE = {
    "head": set[str](),  # no layer adds anything
    "mlp": {"head"},  # no attention
    "values": {"head"},  # no MLP and every query zero, at position 0
    "mask": {"head", "values"},  # the same, at all positions
    "attention": {"head", "values", "mask"},  # no MLP
    "all": {"head", "mlp", "values", "mask", "attention"},  # the graded calls
}
"""What a port is asked, by the part that it shows -> the parts that show in it, too. Beside them, each layer alone."""
SIZES = ("embedding_multiplier", "residual_multiplier", "norm_eps")
"""How large the stream is beside what is added to it. Without the MLP, these and value_scale stand for each other."""
WHICH_LAYERS = ("nope_every", "global_every", "pattern_first")
"""Which layers do what. That some layers are right does not tell one of these from two of them that are wrong."""
Evidence = dict[str, list[tuple[Call, np.ndarray]]]
"""Part -> its calls, with what the original answers, and what the port answers: (B, T, V)."""


def silenced_calls(architecture: Architecture, calls: list[Call]) -> list[tuple[str, Call]]:
    """The parts and the layers, and the longest call of each of the two checkpoints with all else set to zero."""
    silenced, both = [], (".w_o", ".w_out")
    layers = sum(name.endswith("w_o") for name in calls[0].weights)
    for weights, tokens, _ in sorted(calls, key=lambda call: call.tokens.shape[1])[-2:]:
        attention = without(weights, ".w_out")
        mask = without_queries(attention, architecture)
        alone = tokens.reshape(-1, 1)
        for part, zeroed, asked in (
            ("head", without(weights, *both), alone),
            ("mlp", without(weights, ".w_o"), alone),
            ("values", mask, alone),
            ("mask", mask, tokens),
            ("attention", attention, tokens),
            *((f"layer {n}", without(weights, *both, but=n), tokens[:1]) for n in range(layers)),
        ):
            silenced.append((part, Call(zeroed, asked, forward(zeroed, asked, architecture))))
    return silenced


def without(weights: Weights, *ends: str, but: int | None = None) -> Weights:
    """With zeros for each parameter whose name ends so, but for those of a layer."""
    kept = f"layers.{but}."
    zeroed = {name for name in weights if name.endswith(ends) and not name.startswith(kept)}
    return {name: 0 * tensor if name in zeroed else tensor for name, tensor in weights.items()}


def without_queries(weights: Weights, architecture: Architecture) -> Weights:
    """With zeros for q, so that every score is zero."""
    head_dim, kv_heads = head_sizes(weights, architecture.heads)
    groups = kv_heads if architecture.qkv_layout == "per_group" else 1
    silenced = {name: tensor.copy() for name, tensor in weights.items()}
    for name, tensor in silenced.items():
        if name.endswith(("w_qkv", "b_qkv")):
            grouped = tensor.reshape(groups, -1, *tensor.shape[1:])
            grouped[:, : architecture.heads * head_dim // groups] = 0
    return silenced


class Reader:
    """Finds the reading that explains the answers: the original, with what they show to be other. seconds: of each search."""

    def __init__(self, original: Reading, evidence: Evidence, seconds: float):
        self.original, self.reading, self.evidence = original, original, evidence
        self.until = cache(self.explained_until)
        for part in ("mlp", "values", "mask", "attention", "all"):  # from the inside out
            unexplained = self.wrong(self.reading).keys() - {"head"}
            if unexplained & {part, *INSIDE[part]} == {part}:
                self.search(part, seconds)

    def search(self, part: str, seconds: float) -> None:
        """Looks for an architecture that answers a part like the port."""
        calls = []
        for call, logits in self.evidence[part]:
            weights = with_block(call.weights, self.original.block, self.reading.block)
            calls.append(Call(weights, call.tokens, logits))
        settled = {name for name in SETTINGS if self.is_proved(name)}
        if self.original.value_scale == 1 and "mlp" in self.wrong(self.reading):
            settled.add("value_scale")  # a multiplier does the same
        self.reading = identify(calls, self.reading, settled, seconds) or self.reading

    def wrong(self, architecture: Reading) -> dict[str, float]:
        """Part that the port does not answer like an architecture -> the position up to which it does."""
        until = {part: self.until(part, architecture) for part in self.evidence}
        return {part: position for part, position in until.items() if position < np.inf}

    def explained_until(self, part: str, architecture: Reading, least: float = 0) -> float:
        """The first position of a part at which the port does not answer like an architecture; inf if it does. Below
        least it stops looking: the position may then be a later one."""
        first = np.inf
        for call, logits in self.evidence[part]:
            with np.errstate(all="ignore"):
                try:
                    expected = answer(architecture, call.weights, call.tokens, self.original)
                except (KeyError, ValueError):  # it needs other parameters
                    return 0
            same = abs(logits - expected).max((0, 2)) <= TOLERANCE
            first = first if same.all() else min(first, int(same.argmin()))
            if first == 0 or first < least:
                break
        return first

    def is_proved(self, name: str) -> bool:
        """Would every other setting of a choice explain less of some part, or of a layer that is explained whole?"""
        until = dict[str, float]()  # of the parts where another setting could explain less
        for part in self.evidence:
            position = self.until(part, self.reading)
            whole_layer = position == np.inf and name not in WHICH_LAYERS
            if position > 0 and (part in INSIDE or whole_layer):
                until[part] = position
        if name in (*SIZES, "value_scale") and np.inf not in (until.get("mlp"), until.get("all")):
            return False
        has, others = getattr(self.reading, name), {getattr(self.original, name)}
        others |= {*alternatives(name, has)} if name in SETTINGS else set()
        if self.original.block == "parallel":
            others.discard("parallel_two_norms")  # with one norm to read, the same
        for other in others - {has}:
            port = replace(self.reading, **{name: other})
            if all(self.until(part, port, least) >= least for part, least in until.items()):
                return False
        return True

    def shows(self, name: str, part: str) -> bool:
        """Does undoing a departure change what the original answers, up to where the reading stops explaining it?"""
        end = int(self.until(part, self.reading)) + 1
        (weights, tokens, logits), _ = self.evidence[part][-1]
        undone = replace(self.original, **{name: SETTINGS[name][0]})
        answered = answer(undone, weights, tokens[:, :end], self.original)
        return abs(answered - logits[:, :end]).max() > TOLERANCE


def innermost(wrong: dict[str, float]) -> list[str]:
    """The parts that go wrong before any part inside them does."""
    found = []
    for part, inside in INSIDE.items():
        if part in wrong and all(wrong.get(other, np.inf) > wrong[part] for other in inside):
            found.append(part)
    return found
