"""Finds an architecture from the files that the agent gets: a best-first search that localises.

    python -m baselines.recover 0.8 "any seed" < FILES > model.py

FILES are weights.npz and traces.npz, pickled as a pair of bytes. Each choice of reference/architecture.py is
known with a probability of 0.8, drawn from the seed. model.py needs nothing but NumPy; its first lines tell
what was found.

The last norm and softcap are settled alone, because the unembedding can be inverted. Then come the choices
that show at position 0, where nothing turns, no window closes and one score means nothing; then those that
show within 5 positions, and those that need 48. Once a stage is solved, what it settled stays.
"""

import io
import pickle
import re
import sys
from collections import Counter
from dataclasses import dataclass, field, replace
from inspect import getsource
from itertools import product
from random import Random
from typing import Any

import numpy as np

from build_dataset import EXCLUDES, conflicts, head_counts
from reference import architecture, transformer
from reference.architecture import SETTINGS, Architecture, departures
from reference.transformer import NORMS, forward, softcap

LOOKS = 80
"""States that are looked at before a stage is given up."""
FITS = 8
"""Moves of a state that are fitted. What differs in fitted settings only is fitted once."""
EXACT = 2e-5
"""Worst error of a solved stage: float32 traces leave a few 1e-6."""
STAGES = ((8, 1), (4, 5), (1, 48), (8, 48))
"""Traces, and positions of them, that are looked at together."""
PARAMETERS = ("block", "qk_norm", "sinks")
"""The choices that decide which parameters a checkpoint has."""
MOVES = (  # choices that are changed together
    ("heads", "qkv_layout", "v_norm"),
    ("v_norm", "qkv_clip", "embedding_multiplier", "residual_multiplier"),
    ("gate_up_layout", "activation", "swiglu_clamp"),
    ("block",),
    ("norm_eps",),
    ("qk_norm", "score_scale", "inverse_layer_scale"),
    ("score_softcap",),
    ("rope_pairing", "rotary_fraction", "rope_theta"),
    ("rope_factor",),
    ("nope_every", "alibi"),
    ("sliding_window", "global_every", "local_theta"),
)
RANGES = {n: s[1:] for n, s in SETTINGS.items() if len(s) > 10 and isinstance(s[1], float)}
"""Choices whose setting is fitted."""
RIVALS = {
    n: EXCLUDES.get(n, set()) | {other for other in EXCLUDES if n in EXCLUDES[other]}
    for n in SETTINGS
}
"""Choices that no model departs in together with the key."""

Weights = dict[str, np.ndarray]
Menu = dict[str, list[Any]]


def recover(
    weights: Weights, tokens: np.ndarray, logits: np.ndarray, known: list[str]
) -> tuple[Architecture, float]:
    """The architecture of the traces, as far as it can be settled with the known choices, and its worst
    error on them."""
    weights = {name: tensor.astype(np.float64) for name, tensor in weights.items()}
    logits = logits.astype(np.float64)
    menu = {name: s if name in known else s[:1] for name, s in SETTINGS.items()}
    menu["heads"] = head_counts(weights)
    head = settled_head(weights, logits, menu)
    names = ("heads", *PARAMETERS)
    starts = [
        Architecture(**head, **dict(zip(names, s))) for s in product(*(menu[n] for n in names))
    ]
    states = [a for a in starts if usable(a, weights)] or starts
    solved: Stage | None = None
    for traces, length in STAGES:
        stage = Stage(weights, tokens[:traces, :length], logits[:traces, :length], menu)
        states = stage.best(states)
        settled = [a for a in climb(states, stage, solved) if stage.solves(a)]
        if not settled:  # what is not settled stays as it was: a poor fit would only blur what is
            break
        states, solved = settled, stage
    found = states[0]
    if solved:
        scale = solved.answer(found)[1]
        found = replace(found, logit_scale=min(menu["logit_scale"], key=lambda s: abs(s - scale)))
    every_trace = Stage(weights, tokens, logits, {"logit_scale": [found.logit_scale]})
    return found, every_trace.worst(found)


def usable(a: Architecture, weights: Weights) -> bool:
    """Does it break no rule, and use all parameters of the checkpoint and no others?"""
    names = {"w_qkv", "w_o", "w_in", "w_out"} | {f"norm_{n}" for n in NORMS.get(a.block, (1, 2))}
    names |= {"norm_q", "norm_k"} if "head" in str(a.qk_norm) else set()
    names |= {"b_head"} if a.sinks else set()
    shown = {name.split(".")[2] for name in weights if name.startswith("layers.0.")}
    return names == shown and not conflicts(a)


def uncapped(logits: np.ndarray, cap: float | None) -> tuple[np.ndarray, np.ndarray | float]:
    """The inverse of softcap, and how far each of its values can be trusted."""
    if not cap:
        return logits, 1.0
    return cap * np.arctanh(logits / cap), (1 - (logits / cap) ** 2) ** 2


def settled_head(weights: Weights, logits: np.ndarray, menu: Menu) -> dict[str, Any]:
    """The cap without which the logits lie in the column space of the unembedding; then the norm and the
    offset of its gain that make the hidden states of one size and, after a LayerNorm, of mean 0."""
    logits = logits[:, ::5].reshape(-1, logits.shape[-1])
    basis = np.linalg.qr(weights["unembed"])[0]

    def outside(cap):
        with np.errstate(all="ignore"):
            z, trust = uncapped(logits, cap)
            return np.nan_to_num(np.mean((z - z @ basis @ basis.T) ** 2 * trust), nan=np.inf)

    def uneven(setting):
        x = hidden / (weights["final_norm"] + setting[1])
        size = np.sqrt((x * x).mean(-1))
        off_center = np.mean(abs(x.mean(-1)) / size)
        return np.log(size).std() + (off_center if setting[0] == "layer_norm" else 0.05)

    cap = min(menu["final_softcap"], key=outside)
    hidden = uncapped(logits, cap)[0] @ np.linalg.pinv(weights["unembed"]).T
    norm, offset = min(product(menu["norm"], menu["gain_offset"]), key=uneven)
    return {"norm": norm, "gain_offset": offset, "final_softcap": cap}


@dataclass
class Stage:
    """A part of the traces, and how well architectures answer it."""

    weights: Weights
    tokens: np.ndarray
    logits: np.ndarray
    menu: Menu
    losses: dict[Architecture, float] = field(default_factory=dict)

    def answer(self, a: Architecture) -> tuple[np.ndarray, float]:
        """Error of the logits at the best logit_scale, and that scale."""
        with np.errstate(all="ignore"):
            try:
                z = forward(self.weights, self.tokens, replace(a, final_softcap=None))
            except (KeyError, ValueError):  # the shapes do not fit
                return np.full_like(self.logits, 1e9), 1.0
            target, trust = uncapped(self.logits, a.final_softcap)
            scale = np.sum(trust * z * target) / np.sum(trust * z * z)
            scale = scale if len(self.menu["logit_scale"]) > 1 else 1.0
            error = softcap(scale * z, a.final_softcap) - self.logits
        return np.nan_to_num(error, nan=1e9), scale

    def worst(self, a: Architecture) -> float:
        return float(abs(self.answer(a)[0]).max())

    def solves(self, a: Architecture) -> bool:
        return self.worst(a) < EXACT

    def loss(self, a: Architecture) -> float:
        if a not in self.losses:
            self.losses[a] = round(float(np.sqrt(np.mean(self.answer(a)[0] ** 2))), 9)
        return self.losses[a]

    def best(self, states: list[Architecture]) -> list[Architecture]:
        """In the order of their losses. One for each loss, with the fewest departures: what does not show yet is left alone. One for
        each set of departures: fitting finds their values."""
        distinct: dict[float, Architecture] = {}
        kept: dict[tuple, Architecture] = {}
        for a in sorted(states, key=lambda a: (self.loss(a), len(departures(a)), a.heads)):
            distinct.setdefault(self.loss(a), a)
        for a in distinct.values():
            kept.setdefault(skeleton(a), a)
        return list(kept.values())

    def fitted(self, a: Architecture) -> Architecture:
        """Gauss-Newton on the logarithms of the settings from ranges, then the nearest such settings."""
        names = [n for n in RANGES if getattr(a, n) not in (SETTINGS[n][0], a.final_softcap)]
        if not names:
            return a
        low, high = (np.log([RANGES[n][end] for n in names]) for end in (0, -1))
        x = np.log([getattr(a, n) for n in names])

        def error(x):
            return self.answer(replace(a, **dict(zip(names, np.exp(x).tolist()))))[0].ravel()

        e, before = error(x), np.inf
        for _ in range(6):
            if e @ e > 0.9 * before:
                break
            before = e @ e
            slopes = [(error(x + step) - e) / 1e-4 for step in 1e-4 * np.eye(len(x))]
            newton = np.linalg.lstsq(np.stack(slopes, 1), -e, rcond=1e-9)[0].clip(-1.5, 1.5)
            tried = [x, *((x + share * newton).clip(low, high) for share in (1, 0.3))]
            x, e = min(((y, error(y)) for y in tried), key=lambda pair: pair[1] @ pair[1])
        near = {n: min(RANGES[n], key=lambda s: abs(s - v)) for n, v in zip(names, np.exp(x))}
        return min(a, replace(a, **near), key=self.loss)


def settings_to_try(name: str, stage: Stage) -> list[Any]:
    """Four of a range, which fitting then moves; of windows, those that close within the stage, and one."""
    baseline, *others = stage.menu[name]
    if name in RANGES:
        others = others[len(others) // 8 :: len(others) // 4 or 1]
    if name == "sliding_window":
        others = [s for s in others if s < stage.tokens.shape[1]] or others[:1]
    return [baseline, *others]


def moves(a: Architecture, stage: Stage, solved: Stage | None) -> list[list[dict[str, Any]]]:
    """For each group of choices, the settings that differ in what they answer and keep what is solved."""
    groups = []
    for names in MOVES:
        seen = {stage.loss(a): {n: getattr(a, n) for n in names}}
        for settings in product(
            *(dict.fromkeys([*settings_to_try(n, stage), getattr(a, n)]) for n in names)
        ):
            move = dict(zip(names, settings))
            b = moved(a, move)
            if usable(b, stage.weights) and (not solved or solved.solves(b)):
                seen.setdefault(stage.loss(b), move)
        groups.append(list(seen.values()) if len(seen) > 1 else [])
    return groups


def moved(a: Architecture, move: dict[str, Any]) -> Architecture:
    """The architecture after a move, without the departures that the new ones rule out."""
    new = [n for n in move if n in SETTINGS and move[n] not in (getattr(a, n), SETTINGS[n][0])]
    ruled_out = set().union(*(RIVALS[n] for n in new)) - move.keys()
    return replace(a, **move, **{n: SETTINGS[n][0] for n in ruled_out})


def climb(states: list[Architecture], stage: Stage, solved: Stage | None) -> list[Architecture]:
    """Best-first search: from the best state not yet looked at, the best moves, each with a fit. Every other
    time it is the turn of the kind of states that was looked at least, where the best moves may hide."""
    groups = [] if stage.solves(states[0]) else moves(states[0], stage, solved)
    seen: set[float] = set()
    looks: Counter = Counter()
    tried: set[tuple] = set()
    for look in range(LOOKS):
        rest = [a for a in states if stage.loss(a) not in seen]
        if stage.solves(states[0]) or not rest:
            break
        a = min(rest, key=lambda a: looks[kind(a)]) if look % 2 else rest[0]
        seen.add(stage.loss(a))
        looks[kind(a)] += 1
        near = [moved(a, move) for group in groups for move in group]
        near = [b for b in near if usable(b, stage.weights) and skeleton(b) not in tried]
        best = stage.best(near)[:FITS]
        tried.update(map(skeleton, best))
        states = stage.best([*states, *map(stage.fitted, best)])
    return states


def kind(a: Architecture) -> tuple:
    return a.heads, a.block, a.qk_norm


def skeleton(a: Architecture) -> tuple:
    """All of an architecture but the settings that are fitted."""
    fixed = {n: s for n, s in departures(a).items() if n not in RANGES}
    return a.heads, *departures(a), *fixed.values()


def port(found: Architecture, facts: str) -> str:
    """A model.py of that architecture, from the sources of the reference."""
    sources = getsource(architecture) + getsource(transformer)
    sources = re.sub(r"^from (reference|scipy).*\n", "", sources, flags=re.M)
    return f'''"""{facts}"""

import math

{sources}

def expit(x):
    return 0.5 * (1 + np.tanh(x / 2))


erf, any_forward = np.vectorize(math.erf, otypes=[float]), forward


def forward(weights, tokens):
    return any_forward(weights, tokens, {found})
'''


def main() -> None:
    knowledge, random = float(sys.argv[1]), Random(sys.argv[2])
    weights, traces = (np.load(io.BytesIO(file)) for file in pickle.load(sys.stdin.buffer))
    known = [name for name in SETTINGS if random.random() < knowledge]
    found, error = recover(dict(weights), traces["tokens"], traces["logits"], known)
    unknown = ", ".join(sorted(SETTINGS.keys() - known)) or "nothing"
    facts = (
        f"Worst error on the traces: {error:.2g}\nFound: {departures(found)}\nUnknown: {unknown}"
    )
    print(port(found, facts))


if __name__ == "__main__":
    main()
