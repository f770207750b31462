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

from identification.head import settled_head, uncapped
from identification.reading import SLIPS, Reading, answer, parameters_used
from reference.architecture import HEADS, SETTINGS, Architecture, departures
from reference.transformer import Weights, softcap
from reference.variant import Call
from variants.ports import head_counts, with_block
from variants.rules import REQUIRES, conflicts, rivals

LOOKS = 48
"""States that are looked at before a stage is given up."""
FITS = 8
"""Moves of a state that are fitted."""
TRIES = 2
"""Fits of what differs in fitted settings only: the first may start too far off."""
ALIKE = 2
"""Of them, those from one group of choices at most."""
EXACT = 2e-5
"""Worst error of a solved stage: float32 traces leave a few 1e-6."""
ROUNDED = 1e-4
"""The same for the answers of a port, which may compute in single precision."""
STAGES = ((8, 1), (4, 5), (1, 48))
"""Sequences, and positions of them, that are looked at together; after these, everything."""
SEEN = ("block", "qk_norm", "sinks", "qkv_bias", "attention_gate")
"""The choices that decide which parameters a checkpoint has."""
EXTENSIONS = ("rope_factor", "llama3_factor", "yarn_factor")
MOVES = (  # choices that are changed together
    ("heads", "qkv_layout", "v_norm"),
    ("v_norm", "qkv_clip", "value_scale", "embedding_multiplier", "residual_multiplier"),
    ("gate_up_layout", "activation", "mlp_clamp", "up_offset"),
    ("block",),
    ("norm_eps",),
    ("qk_norm", "score_scale", "inverse_layer_scale"),
    ("temperature_interval",),
    ("score_softcap",),
    ("rope_pairing", "rotary_fraction", "rope_theta", "rope_reversed"),
    ("rotary_fraction", *EXTENSIONS),
    ("score_scale", *EXTENSIONS),  # yarn_factor is one, too
    ("nope_every", "pattern_first", *EXTENSIONS),
    (
        "sliding_window",
        "global_every",
        "pattern_first",
        *EXTENSIONS,
        "local_theta",
        "scaled_layers",
    ),
)
RANGES = {n: s[1:] for n, s in SETTINGS.items() if len(s) > 10 and isinstance(s[1], float)}
"""Choices whose setting is a number from a range."""
FITTED = RANGES.keys() - {"logit_scale", "final_softcap"}
"""Those that are fitted; the others are read off."""
FREE = {
    "gain_offset": (2.0,),
    "rotary_fraction": (0.75,),
    "up_offset": (2.0,),
    "nope_every": (1, 4),
    "global_every": (4,),
    "sliding_window": (4, *range(25, 31)),
    "final_softcap": tuple(np.geomspace(1, 100, 150).tolist()),
}
"""What a port may have beside the settings of the catalogue."""

Menu = dict[str, list[Any]]


def recover(
    weights: Weights, tokens: np.ndarray, logits: np.ndarray, known: Iterable[str]
) -> tuple[Architecture, float]:
    """The architecture of the traces, as far as it can be settled with the known choices, and its worst error."""
    known = set(known)
    menu: Menu = {name: [*(s if name in known else s[:1])] for name, s in SETTINGS.items()}
    menu["heads"] = [heads for heads in head_counts(weights) if heads in HEADS]
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
    menu |= {"heads": head_counts(calls[0].weights), "slip": [None, *SLIPS]}
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
    checkpoints = {id(call.weights): call.weights for call in calls}
    for key, weights in checkpoints.items():  # once, not in each forward pass
        checkpoints[key] = {name: tensor.astype(float) for name, tensor in weights.items()}
    calls = [Call(checkpoints[id(weights)], *asked) for weights, *asked in calls]
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
    mirrored: list[Reading] = []
    for looked_at in [*(part(calls, *shape) for shape in STAGES), calls]:
        stage = Stage(looked_at, start, menu, free, used, deadline)
        for starts in (states, mirrored):
            reached = climb(stage.best(starts), stage, solved) if starts else []
            settled = [state for state in reached if stage.solves(state)]
            if settled:
                break
        else:  # what is not settled stays as it was: a poor fit would only blur what is
            break
        states, solved = settled, stage
        mirrored = [mirror(state) for state in settled if state.local_theta]
        mirrored = [state for state in mirrored if stage.solves(state)]
    found = states[0]
    if found.logit_scale is None:
        found = replace(found, logit_scale=stage.answer(found)[1])
    return plainest(found, stage) if solved is stage else found, solved is stage


def mirror(state: Reading) -> Reading:
    """The two thetas exchanged, and the layers: until a window closes it may be the same."""
    return replace(
        state,
        pattern_first=not state.pattern_first,
        rope_theta=state.local_theta or state.rope_theta,
        local_theta=state.rope_theta,
    )


def part(calls: list[Call], sequences: int, length: int) -> list[Call]:
    """The first positions of some sequences that are long enough, all of one checkpoint."""
    length = min(length, max(call.tokens.shape[1] for call in calls))
    long = [call for call in calls if call.tokens.shape[1] >= length]
    long = [call for call in long if call.weights is long[0].weights]
    tokens = np.concatenate([call.tokens[:, :length] for call in long])[:sequences]
    logits = np.concatenate([call.logits[:, :length] for call in long])[:sequences]
    return [Call(long[0].weights, tokens, logits)]


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
            hidden = departures(state).keys()
            for name in self.changes(state).keys() & hidden:
                if not all(needed & hidden for needed in REQUIRES.get(name, [])):
                    return False  # it would stand for something simpler
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
                    original = self.start if self.free else state
                    answers.append(answer(bare, weights, tokens, original).ravel())
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
        moved = self.changes(state).keys() & departures(state).keys() & FITTED
        return sorted(moved)

    def best(self, states: Iterable[Reading]) -> list[Reading]:
        """In the order of their losses, 10% more for each change. One for each loss, with the fewest changes: what
        does not show yet is left alone. One for each skeleton: fitting finds its values."""
        distinct: dict[float, Reading] = {}
        kept: dict[frozenset, Reading] = {}

        def order(state):
            return self.loss(state) * 1.1 ** len(self.changes(state)), len(departures(state))

        for state in sorted(states, key=order):
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
        if value := stage.free and getattr(stage.start, name):
            others.append(1 / value)  # divided where it should multiply
    if name == "sliding_window":
        others = [setting for setting in others if setting < length] or others[:1]
        if state.sliding_window:
            others += [state.sliding_window - 1, state.sliding_window + 1]
    if name == "sliding_window" and stage.free and length <= 5:  # the original's may stay
        return [state.sliding_window]
    if name in (*EXTENSIONS, "local_theta", "scaled_layers") and length > 5:  # they showed before
        others = []
    return [*dict.fromkeys([getattr(state, name), baseline, *others])]


def moves(state: Reading, stage: Stage, solved: Stage | None) -> list[list[dict[str, Any]]]:
    """For each group of choices, the settings that differ in what they answer and keep what is solved."""
    found = []
    read_off = {"logit_scale", "final_softcap"}
    # other heads come last: at position 0 they can look like another layout or slip
    singles = [*((name,) for name in SETTINGS if name not in read_off), ("heads", "slip")]
    for names in singles if stage.free else MOVES:
        seen = {stage.loss(state): {name: getattr(state, name) for name in names}}
        for settings in product(*(settings_to_try(name, state, stage) for name in names)):
            move = dict(zip(names, settings))
            for other in moved(state, move, stage):
                if not solved or state.sinks or solved.solves(other):
                    seen.setdefault(stage.loss(other), move)
        if len(seen) > 1:
            found.append([*seen.values()])
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
    options: list = []
    seen: set[float] = set()
    looks: Counter = Counter()
    tried: Counter = Counter()
    for look in range(LOOKS if not stage.free else LOOKS // 2):
        rest = [state for state in states if stage.loss(state) not in seen]
        if stage.solves(states[0]) or not rest:
            break
        if look % 16 == 0:  # what did not show at first may show by now
            options = moves(states[0], stage, solved)
        state = min(rest, key=lambda one: looks[kind(one)]) if look % 2 else rest[0]
        seen.add(stage.loss(state))
        looks[kind(state)] += 1
        best = []
        for group in options:
            near = [one for move in group for one in moved(state, move, stage)]
            best += stage.best(one for one in near if tried[stage.skeleton(one)] < TRIES)[:ALIKE]
        best = stage.best(best)[:FITS]
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
