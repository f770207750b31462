"""From weights, tokens and logits to the architecture that computes them: a best-first search that localises.

recover() starts from nothing, with what the task's files show. identify() starts from the original and reads off
what a failing port computes, from its answers to the graded calls.

The last norm and softcap are settled alone, because the unembedding can be inverted. Then come the choices that show
at position 0, where nothing turns, no window closes and one score means nothing; then those that show within 5
positions, and those that need 48. Once a stage is solved, what it settled stays.
"""

import time
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar

from reference.architecture import HEADS, SETTINGS, Architecture
from reference.transformer import Weights, forward, softcap
from reference.variant import Call, layer_parameters
from variants.ports import head_counts, head_sizes, summed_eps, tiled_heads, with_block
from variants.rules import conflicts, rivals

LOOKS = 80
"""States that are looked at before a stage is given up."""
FITS = 8
"""Moves of a state that are fitted. What differs in fitted settings only is fitted once."""
EXACT = 2e-5
"""Worst error of a solved stage: float32 traces leave a few 1e-6."""
ROUNDED = 1e-4
"""The same for the answers of a port, which may compute in single precision."""
STAGES = ((8, 1), (4, 5), (1, 48), (None, None))
"""Sequences, and positions of them, that are looked at together; at last everything."""
SEEN = ("block", "qk_norm", "sinks", "qkv_bias", "attention_gate")
"""The choices that decide which parameters a checkpoint has."""
EXTENSIONS = ("rope_factor", "llama3_factor", "yarn_factor")
MOVES = (  # choices that are changed together
    ("heads", "qkv_layout", "v_norm", "slip"),
    ("v_norm", "qkv_clip", "value_scale", "embedding_multiplier", "residual_multiplier"),
    ("gate_up_layout", "activation", "mlp_clamp", "up_offset"),
    ("block",),
    ("norm_eps",),
    ("qkv_bias",),
    ("attention_gate",),
    ("qk_norm", "score_scale", "inverse_layer_scale", "slip"),
    ("temperature_interval",),
    ("score_softcap", "sinks"),
    ("rope_pairing", "rotary_fraction", "rope_theta", "rope_reversed"),
    ("nope_every", "pattern_first"),
    (
        "sliding_window",
        "global_every",
        "pattern_first",
        *EXTENSIONS,
        "local_theta",
        "scaled_layers",
    ),
)
BASELINES = {name: settings[0] for name, settings in SETTINGS.items()}
RANGES = {
    name: settings[1:]
    for name, settings in SETTINGS.items()
    if len(settings) > 10 and isinstance(settings[1], float)
}
"""Choices whose setting is a number from a range."""
FITTED = RANGES.keys() - {"logit_scale", "final_softcap"}
"""Those that are fitted; the others are read off."""
SLIPS = {"tiled_heads": tiled_heads, "summed_eps": summed_eps}
FREE = {
    "gain_offset": (2.0,),
    "rotary_fraction": (0.75,),
    "up_offset": (2.0,),
    "nope_every": (4,),
    "global_every": (4,),
    "sliding_window": (4, *range(25, 31)),
    "final_softcap": tuple(np.geomspace(1, 100, 150).tolist()),
    "slip": (None, *SLIPS),
}
"""What a port may have beside the settings of the catalogue."""

Menu = dict[str, list[Any]]


@dataclass(frozen=True)
class Reading(Architecture):
    """What a port computes: an architecture, and a slip in how it reads the parameters."""

    slip: str | None = None


def answer(
    port: Reading, weights: Weights, tokens: np.ndarray, original: Architecture
) -> np.ndarray:
    """Logits of a port, from a checkpoint of the original. KeyError, ValueError: it wants other parameters."""
    architecture: Architecture = port
    if original.heads and port.block != original.block:
        weights = with_block(weights, original.block, port.block)
    if port.slip:
        weights, architecture = SLIPS[port.slip](weights, port)
    return forward(weights, tokens, architecture)


def recover(
    weights: Weights, tokens: np.ndarray, logits: np.ndarray, known: Iterable[str]
) -> tuple[Architecture, float]:
    """The architecture of the traces, as far as it can be settled with the known choices, and its worst error."""
    known = set(known)
    menu: Menu = {name: [*(s if name in known else s[:1])] for name, s in SETTINGS.items()}
    menu |= {"heads": [*set(HEADS) & set(head_counts(weights))], "slip": [None]}
    calls = [Call(weights, tokens, logits.astype(np.float64))]
    found, _ = solve(calls, Reading(heads=0), menu, free=False)
    settings = {name: getattr(found, name) for name in ("heads", *SETTINGS)}
    return Architecture(**settings), Stage(calls, found, menu, False, 0).worst(found)


def identify(
    calls: list[Call],
    original: Architecture,
    settled: Collection[str] = (),
    seconds: float = np.inf,
) -> Reading | None:
    """What a port computes that answers the calls with these logits; None if nothing is found in that time. settled:
    choices that the port is known to have as the original does."""
    menu: Menu = {name: [*settings, *FREE.get(name, ())] for name, settings in SETTINGS.items()}
    menu |= {"heads": head_counts(calls[0].weights), "slip": [*FREE["slip"]]}
    menu |= {name: [getattr(original, name)] for name in settled}
    start = Reading(**vars(original))
    try:
        found, solved = solve(calls, start, menu, free=True, deadline=time.monotonic() + seconds)
    except TimeoutError:
        return None
    return found if solved else None


def solve(
    calls: list[Call], start: Reading, menu: Menu, free: bool, deadline: float = np.inf
) -> tuple[Reading, bool]:
    """The best reading of the calls, and whether it is exact. A free reading may have any value, break rules and
    ignore parameters; what it does is counted from the start, not from the baselines."""
    longest = max(calls, key=lambda call: call.tokens.size)
    head = settled_head(longest, menu, free)
    if len(menu["logit_scale"]) > 1:
        head["logit_scale"] = None  # whatever fits best
    states = [replace(start, **head)]
    used = 0
    if not free:
        names = ("heads", *SEEN)
        options = product(*(menu[name] for name in names))
        starts = [replace(states[0], **dict(zip(names, option))) for option in options]
        counts = {state: parameters_used(state, longest.weights) for state in starts}
        used = max(counts.values())
        states = [state for state in starts if counts[state] == used]
    solved: Stage | None = None
    for sequences, length in STAGES:
        stage = Stage(part(calls, sequences, length), start, menu, free, used, deadline)
        states = stage.best(states)
        settled = [state for state in climb(states, stage, solved) if stage.solves(state)]
        if not settled:  # what is not settled stays as it was: a poor fit would only blur what is
            break
        states, solved = settled, stage
    found = states[0]
    if found.logit_scale is None:
        found = replace(found, logit_scale=stage.answer(found)[1])
    return plainest(found, stage), solved is stage


def part(calls: list[Call], sequences: int | None, length: int | None) -> list[Call]:
    """The first positions of some sequences of one checkpoint; or all calls, in double precision."""
    doubles = {}
    for weights, _, _ in calls:
        doubles[id(weights)] = {name: tensor.astype(float) for name, tensor in weights.items()}
    if not sequences or not length:
        return [Call(doubles[id(weights)], tokens, logits) for weights, tokens, logits in calls]
    length = min(length, max(tokens.shape[1] for _, tokens, _ in calls))
    long = [call for call in calls if call.tokens.shape[1] >= length]
    long = [call for call in long if call.weights is long[0].weights]
    tokens, logits = (
        np.concatenate([call[part][:, :length] for call in long])[:sequences] for part in (1, 2)
    )
    return [Call(doubles[id(long[0].weights)], tokens, logits)]


def uncapped(logits: np.ndarray, cap: float | None) -> tuple[np.ndarray, np.ndarray | float]:
    """The inverse of softcap, and how far each of its values can be trusted."""
    if not cap:
        return logits, 1.0
    return cap * np.arctanh(logits / cap), (1 - (logits / cap) ** 2) ** 2


def settled_head(call: Call, menu: Menu, free: bool) -> dict[str, Any]:
    """The cap without which the logits lie in the column space of the unembedding; then the norm and the
    offset of its gain that make the hidden states of one size and, after a LayerNorm, of mean 0."""
    logits = call.logits[:, ::5].reshape(-1, call.logits.shape[-1])
    basis = np.linalg.qr(call.weights["unembed"].astype(float))[0]

    def outside(cap):
        with np.errstate(all="ignore"):
            z, trust = uncapped(logits, cap)
            return np.nan_to_num(np.mean((z - z @ basis @ basis.T) ** 2 * trust), nan=np.inf)

    def uneven(setting):
        x = hidden / (call.weights["final_norm"] + setting[1])
        size = np.sqrt((x * x).mean(-1))
        off_center = np.mean(abs(x.mean(-1)) / size)
        return np.log(size).std() + (off_center if setting[0] == "layer_norm" else 0.05)

    cap = min(menu["final_softcap"], key=outside)
    if free and cap:
        bounds = np.log(cap) + np.array([-0.05, 0.05])
        close = minimize_scalar(
            lambda x: np.log(outside(np.exp(x))), bounds=bounds, options={"xatol": 1e-12}
        )
        cap = float(min(cap, np.exp(close.x), key=outside))
    hidden = uncapped(logits, cap)[0] @ np.linalg.pinv(call.weights["unembed"].astype(float)).T
    norm, offset = min(product(menu["norm"], menu["gain_offset"]), key=uneven)
    return {"norm": norm, "gain_offset": offset, "final_softcap": cap}


def parameters_used(state: Reading, weights: Weights) -> int:
    """How many parameters of a layer it uses; -1 if some are not there or have another shape."""
    head_dim, kv_heads = head_sizes(weights, state.heads)
    hidden, mlp = weights["layers.0.w_out"].shape
    parameters = layer_parameters(state, hidden, head_dim, kv_heads, mlp)
    for name, (_, _, shape) in parameters.items():
        if getattr(weights.get(f"layers.0.{name}"), "shape", None) != shape:
            return -1
    return len(parameters)


@dataclass
class Stage:
    """A part of the calls, and how well readings answer it."""

    calls: list[Call]
    start: Reading
    menu: Menu
    free: bool
    used: int
    deadline: float = np.inf
    losses: dict[Reading, float] = field(default_factory=dict)

    def usable(self, state: Reading) -> bool:
        """Does it use all parameters of the checkpoint, and break no rule?"""
        if self.free:
            weights = with_block(self.calls[0].weights, self.start.block, state.block)
            return parameters_used(state, weights) > 0
        return parameters_used(state, self.calls[0].weights) == self.used and not conflicts(state)

    def answer(self, state: Reading) -> tuple[np.ndarray, float]:
        """Error of all logits (flat), and their scale: the best one if the state has none."""
        if time.monotonic() > self.deadline:
            raise TimeoutError
        truth = np.concatenate([call.logits.ravel() for call in self.calls])
        bare = replace(state, final_softcap=None, logit_scale=1.0)
        answers = []
        with np.errstate(all="ignore"):
            try:
                for weights, tokens, _ in self.calls:
                    answers.append(answer(bare, weights, tokens, self.start).ravel())
            except (KeyError, ValueError):  # the shapes do not fit
                return np.full_like(truth, 1e9), 1.0
            z = np.concatenate(answers)
            target, trust = uncapped(truth, state.final_softcap)
            scale = state.logit_scale or np.sum(trust * z * target) / np.sum(trust * z * z)
            error = softcap(scale * z, state.final_softcap) - truth
        return np.nan_to_num(error, nan=1e9), float(scale)

    def worst(self, state: Reading) -> float:
        return float(abs(self.answer(state)[0]).max())

    def solves(self, state: Reading) -> bool:
        return self.worst(state) < (ROUNDED if self.free else EXACT)

    def loss(self, state: Reading) -> float:
        if state not in self.losses:
            error = self.answer(state)[0]
            self.losses[state] = round(float(np.sqrt(np.mean(error**2))), 9)
        return self.losses[state]

    def changes(self, state: Reading) -> dict[str, Any]:
        """Choice -> setting, of all in which it differs from the start."""
        start = vars(self.start)
        return {name: one for name, one in vars(state).items() if one != start[name]}

    def skeleton(self, state: Reading) -> frozenset:
        """All that differs from the start, but for settings that are fitted."""
        fitted = dict.fromkeys(self.fitted_names(state))
        return frozenset((self.changes(state) | fitted).items())

    def fitted_names(self, state: Reading) -> list[str]:
        """The choices whose setting is fitted: those that moved, but not to the baseline."""
        moved = self.changes(state).items() - BASELINES.items()
        return sorted(name for name, _ in moved if name in FITTED)

    def best(self, states: Iterable[Reading]) -> list[Reading]:
        """In the order of their losses. One for each loss, with the fewest changes: what does not show yet is left
        alone. One for each skeleton: fitting finds its values."""
        distinct: dict[float, Reading] = {}
        kept: dict[tuple, Reading] = {}
        for state in sorted(states, key=lambda one: (self.loss(one), len(self.changes(one)))):
            distinct.setdefault(self.loss(state), state)
        for state in distinct.values():
            kept.setdefault(self.skeleton(state), state)
        return list(kept.values())

    def fitted(self, state: Reading) -> Reading:
        """Gauss-Newton on the logarithms of the settings from ranges."""
        names = self.fitted_names(state)
        if not names:
            return state
        low, high = (np.log([RANGES[n][end] for n in names]) for end in (0, -1))
        if self.free:
            low, high = low - 3, high + 3
        x = np.log([getattr(state, n) for n in names])

        def error(x):
            return self.answer(replace(state, **dict(zip(names, np.exp(x).tolist()))))[0]

        e, before = error(x), np.inf
        for _ in range(6):
            if e @ e > 0.9 * before or abs(e).max() < 1e-9:
                break
            before = e @ e
            slopes = [(error(x + step) - e) / 1e-4 for step in 1e-4 * np.eye(len(x))]
            newton = np.linalg.lstsq(np.stack(slopes, 1), -e, rcond=1e-9)[0].clip(-1.5, 1.5)
            tried = [x, *((x + share * newton).clip(low, high) for share in (1, 0.3))]
            x, e = min(((y, error(y)) for y in tried), key=lambda pair: pair[1] @ pair[1])
        return replace(state, **dict(zip(names, np.exp(x).tolist())))


def settings_to_try(name: str, state: Reading, stage: Stage) -> list[Any]:
    """Two or four of a range, which fitting then moves; of windows, those that close within the stage, and one."""
    baseline, *others = stage.menu[name]
    length = max(call.tokens.shape[1] for call in stage.calls)
    if name in RANGES:
        parts = 2 if name in (*EXTENSIONS, "local_theta") else 4
        others = others[len(others) // (2 * parts) :: len(others) // parts or 1]
    if name == "sliding_window":
        others = [setting for setting in others if setting < length] or others[:1]
        if state.sliding_window:
            others += [state.sliding_window - 1, state.sliding_window + 1]
    if name in (*EXTENSIONS, "local_theta", "scaled_layers") and length > 5:  # they showed before
        others = []
    return [*dict.fromkeys([getattr(state, name), baseline, *others])]


def moves(state: Reading, stage: Stage, solved: Stage | None) -> list[dict[str, Any]]:
    """The settings, of each group of choices, that differ in what they answer and keep what is solved."""
    found = []
    singles = [(name,) for name in stage.menu if name not in ("logit_scale", "final_softcap")]
    for names in singles if stage.free else MOVES:
        seen = {stage.loss(state): {name: getattr(state, name) for name in names}}
        for settings in product(*(settings_to_try(name, state, stage) for name in names)):
            move = dict(zip(names, settings))
            for other in moved(state, move, stage):
                if not solved or state.sinks or solved.solves(other):
                    seen.setdefault(stage.loss(other), move)
        found += seen.values() if len(seen) > 1 else []
    return found


def moved(state: Reading, move: dict[str, Any], stage: Stage) -> list[Reading]:
    """The states after a move: without the departures that the new ones rule out and, if free, with them."""
    new = [n for n in move if n in SETTINGS and move[n] not in (getattr(state, n), SETTINGS[n][0])]
    ruled_out = set().union(*map(rivals, new)) - move.keys()
    undone = {name: SETTINGS[name][0] for name in ruled_out}
    states = [replace(state, **move, **undone)]
    if stage.free and states[0] != replace(state, **move):
        states.append(replace(state, **move))
    return [one for one in states if stage.usable(one)]


def climb(states: list[Reading], stage: Stage, solved: Stage | None) -> list[Reading]:
    """Best-first search: from the best state not yet looked at, the best moves, each with a fit. Every other
    time it is the turn of the kind of states that was looked at least, where the best moves may hide."""
    options = [] if stage.solves(states[0]) else moves(states[0], stage, solved)
    seen: set[float] = set()
    looks: Counter = Counter()
    tried: set[tuple] = set()
    for look in range(LOOKS if not stage.free else LOOKS // 4):
        rest = [state for state in states if stage.loss(state) not in seen]
        if stage.solves(states[0]) or not rest:
            break
        state = min(rest, key=lambda one: looks[kind(one)]) if look % 2 else rest[0]
        seen.add(stage.loss(state))
        looks[kind(state)] += 1
        near = [one for move in options for one in moved(state, move, stage)]
        best = stage.best(one for one in near if stage.skeleton(one) not in tried)[:FITS]
        tried.update(map(stage.skeleton, best))
        states = stage.best([*states, *map(stage.fitted, best)])
    return states


def kind(state: Reading) -> tuple:
    return state.heads, state.block, state.qk_norm


def plainest(found: Reading, stage: Stage) -> Reading:
    """As few changes as can be and, for what was fitted, settings of the catalogue or values of few digits."""
    for name, value in stage.changes(found).items():
        options = [getattr(stage.start, name)]
        if name in RANGES and value is not None:
            options += [min(RANGES[name], key=lambda setting: abs(setting - value))]
            options += [float(f"{value:.{digits}g}") for digits in (2, 3, 4) if stage.free]
        for option in options:
            other = replace(found, **{name: option})
            if name != "heads" and (stage.solves(other) or stage.worst(other) < stage.worst(found)):
                found = other
                break
    return found
