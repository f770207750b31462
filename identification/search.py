"""From weights, tokens and logits to the architecture that computes them, stage by stage.

recover() starts from the task's files alone. identify() starts from the original and reads off
what a failing port computes, from its answers to the graded calls or to those with parts set to
zero.

The last norm and softcap are settled alone, because the unembedding can be inverted. Then come
the choices that show at position 0, where nothing turns, no window closes and, but for sinks, a
score alone means nothing; then those that show within 5 positions, and those that need 48.
"""

import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import chain, product
from typing import Any

import numpy as np
from scipy.optimize import least_squares

from identification.head import settled_head, uncapped
from identification.reading import SLIPS, Reading, answer, parameters_used
from reference.architecture import HEADS, SETTINGS, Architecture, departures
from reference.transformer import Weights, softcap
from reference.variant import Call
from variants.ports import head_counts
from variants.rules import FACTORS, conflicts

LOOKS = 32
"""States whose neighbours are looked at before a stage is given up."""
FITS = 2
"""Neighbours of a state that are fitted, of those that one group of choices makes."""
TRIES = 3
"""Fits of states that differ in fitted settings only: the first may start too far off."""
EXACT = 2e-5
"""Worst error of a solved stage: float32 traces leave a few 1e-6."""
ROUNDED = 1e-4
"""The same for a port that answers in single precision."""
SHAPING = ("heads", "block", "qk_norm", "sinks", "qkv_bias", "attention_gate")
"""What decides which parameters a checkpoint has."""
PATTERN = ("sliding_window", "global_every", "pattern_first")
VALUES = (
    ("norm_eps", "embedding_multiplier", "residual_multiplier"),
    ("block", "sinks", "qkv_bias", "attention_gate", "slip"),
    ("v_norm", "qkv_clip", "value_scale"),
    ("block", "embedding_multiplier", "residual_multiplier"),
    ("gate_up_layout", "activation", "mlp_clamp", "up_offset"),
    ("block", "qkv_layout", "gate_up_layout"),  # wrong together, neither helps alone
    ("qkv_layout", "v_norm", "heads"),  # last: other heads can look like a slip
)
"""Groups of choices that are changed together; these show at position 0."""
SCORES = (
    ("slip", "heads", "qkv_clip", "temperature_interval"),
    ("qk_norm", "score_scale", "inverse_layer_scale", "score_softcap"),
    ("rope_pairing", "rotary_fraction", "rope_theta", "rope_reversed"),
    ("rotary_fraction", *FACTORS),
    ("score_scale", *FACTORS),  # yarn_factor is one, too
    ("nope_every", "pattern_first", *FACTORS),
    (*PATTERN, *FACTORS, "local_theta", "scaled_layers"),
    ("rope_theta", "local_theta"),  # the one may have stood for the other
)
LATE = (PATTERN, ("temperature_interval",))
Moves = tuple[tuple[str, ...], ...]
STAGES: tuple[tuple[int, int, Moves], ...] = (
    (8, 1, VALUES),
    (4, 5, SCORES),
    (1, 48, LATE),
    (0, 0, LATE),  # 0: all calls, whole
)
"""Sequences, and positions of them, that are looked at together, and what shows there first."""

RANGES = {n: s[1:] for n, s in SETTINGS.items() if len(s) > 10 and isinstance(s[1], float)}
"""Choices whose setting is a number from a range."""
FITTED = RANGES.keys() - {"logit_scale", "final_softcap"}
"""Those that are fitted; the others are read off."""
OTHERS = {
    "gain_offset": (2.0,),
    "rotary_fraction": (0.75,),
    "up_offset": (2.0,),
    "nope_every": (1, 4),
    "global_every": (4,),
    "sliding_window": (4, *range(25, 31)),
    "final_softcap": tuple(np.geomspace(1, 100, 150).tolist()),
}
"""What a port may have beside the settings of the catalogue."""


def recover(
    weights: Weights, tokens: np.ndarray, logits: np.ndarray, known: Collection[str]
) -> tuple[Architecture, float]:
    """The architecture of the traces, as far as the known choices allow, and its worst error."""
    menu = {name: coarse(name) if name in known else [SETTINGS[name][0]] for name in SETTINGS}
    menu |= {"heads": [heads for heads in head_counts(weights) if heads in HEADS], "slip": [None]}
    options = product(*(menu[name] for name in SHAPING))
    starts = [Reading(**dict(zip(SHAPING, option))) for option in options]
    used = {start: parameters_used(start, weights) for start in starts}
    starts = [start for start in starts if used[start] == max(used.values())]
    menu |= {name: list({getattr(start, name) for start in starts}) for name in SHAPING}
    stage = Stage([Call(weights, tokens, logits.astype(float))], menu, EXACT)
    found = solve(stage, starts)
    settings = {name: getattr(found, name) for name in ("heads", *SETTINGS)}
    return Architecture(**settings), stage.errors(found)[1]


def identify(
    calls: list[Call],
    original: Architecture,
    settled: Collection[str] = (),
    seconds: float = np.inf,
) -> Reading | None:
    """What a port computes that answers the calls with these logits; None if nothing is found in so
    many seconds of CPU time. settled: choices that the port is known to have as the original does."""
    menu = {name: [*coarse(name), *OTHERS.get(name, ())] for name in SETTINGS}
    for name in departures(original).keys() & FITTED:
        value = getattr(original, name)
        menu[name] += [1.03 * value, 1 / value]  # a little off; divided where it should multiply
    menu |= {"heads": head_counts(calls[0].weights), "slip": [None, *SLIPS]}
    menu |= {name: [getattr(original, name)] for name in settled}
    start = Reading(**vars(original))
    single = all(np.array_equal(call.logits, np.float32(call.logits)) for call in calls)
    exact, deadline = ROUNDED if single else EXACT, time.process_time() + seconds
    stage = Stage(calls, menu, exact, start, deadline)
    try:
        found = solve(stage, [start])
        return found if stage.solves(found) else None
    except TimeoutError:
        return None


def coarse(name: str) -> list[Any]:
    """The settings to try: three of a range, which fitting then moves."""
    baseline, *others = SETTINGS[name]
    if name in FITTED:
        others = others[len(others) // 6 :: len(others) // 3]
    return [baseline, *others]


def solve(whole: "Stage", states: list[Reading]) -> Reading:
    """The best reading of all calls: stage after stage, until one is not solved."""
    head = settled_head(max(whole.calls, key=lambda call: call.tokens.size), whole.menu)
    if len(whole.menu["logit_scale"]) > 1:
        head["logit_scale"] = None  # whatever fits best
    states = [replace(state, **head) for state in states]
    for sequences, length, moves in STAGES:
        stage = whole.part(sequences, length) if length else whole
        if length == 1 and states[0].sinks:
            moves = VALUES + SCORES
        if whole.original:  # mistakes are made one by one
            moves = tuple((name,) for name in dict.fromkeys(chain(*moves)))
        reached = climb(states, stage, moves)
        solved = [plainest(state, stage) for state in reached if stage.solves(state)]
        if not solved:  # what is not settled stays as it was: a poor fit would only blur what is
            break
        states = solved.copy()
        for state in solved:
            if theta := state.local_theta:  # until a window closes, the other layers may have it
                mirrored = replace(state, rope_theta=theta, local_theta=state.rope_theta)
                mirrored = replace(mirrored, pattern_first=not state.pattern_first)
                states += [mirrored] if stage.solves(mirrored) else []
    found = states[0]
    if found.logit_scale is None:
        found = replace(found, logit_scale=stage.answer(found)[1])
    return plainest(found, stage) if solved else found


@dataclass
class Stage:
    """A part of the calls, and how well readings answer it."""

    calls: list[Call]
    menu: dict[str, list[Any]]
    exact: float  # worst error of what is solved
    original: Reading | None = None  # of a port; None: the calls are the original's own
    deadline: float = np.inf

    def __post_init__(self) -> None:
        self.errors = cache(self.measured)

    def part(self, sequences: int, length: int) -> "Stage":
        """The first positions of some sequences that are long enough, all of one checkpoint."""
        length = min(length, max(call.tokens.shape[1] for call in self.calls))
        long = [call for call in self.calls if call.tokens.shape[1] >= length]
        # the same parameters may stand in another dict
        long = [call for call in long if call.weights["embed"] is long[0].weights["embed"]]
        tokens = np.concatenate([call.tokens[:, :length] for call in long])[:sequences]
        logits = np.concatenate([call.logits[:, :length] for call in long])[:sequences]
        return replace(self, calls=[Call(long[0].weights, tokens, logits)])

    def answer(self, state: Reading) -> tuple[np.ndarray, float]:
        """Error of all logits (flat), and their scale: the best one if the state has none."""
        if time.process_time() > self.deadline:
            raise TimeoutError
        truth = np.concatenate([call.logits.ravel() for call in self.calls])
        bare = replace(state, final_softcap=None, logit_scale=1.0)
        answers = []
        with np.errstate(all="ignore"):
            try:
                for weights, tokens, _ in self.calls:
                    answers.append(answer(bare, weights, tokens, self.original or state).ravel())
            except (KeyError, ValueError):  # the shapes do not fit
                return np.full(truth.shape, 1e9), 1.0
            z = np.concatenate(answers)
            target, trust = uncapped(truth, state.final_softcap)
            scale = state.logit_scale or np.sum(trust * z * target) / np.sum(trust * z * z)
            error = softcap(scale * z, state.final_softcap) - truth
        return np.nan_to_num(error, nan=1e9), float(scale)

    def measured(self, state: Reading) -> tuple[float, float]:
        """Root of the mean square and worst error of the logits."""
        error = self.answer(state)[0]
        return round(float(np.sqrt(np.mean(error**2))), 9), float(abs(error).max())

    def loss(self, state: Reading) -> float:
        return self.errors(state)[0]

    def solves(self, state: Reading) -> bool:
        return self.errors(state)[1] < self.exact

    def changes(self, state: Reading) -> dict[str, Any]:
        """Choice -> setting, of all in which it differs from the original or from the baselines."""
        start = vars(self.original or Reading(heads=0))
        return {name: one for name, one in vars(state).items() if one != start[name]}

    def fitted_names(self, state: Reading) -> list[str]:
        """The choices whose setting is fitted: those that moved, but not to the baseline."""
        return sorted(self.changes(state).keys() & departures(state).keys() & FITTED)

    def skeleton(self, state: Reading) -> frozenset:
        """All changes, but for the settings that are fitted."""
        fitted = dict.fromkeys(self.fitted_names(state))
        return frozenset((self.changes(state) | fitted).items())

    def best(self, states: Iterable[Reading]) -> list[Reading]:
        """In the order of their losses, 10% more for each change. One for each loss, with the
        fewest changes: what does not show yet is left alone. One for each skeleton."""

        def order(state):
            return self.loss(state) * 1.1 ** len(self.changes(state)), len(departures(state))

        seen: set = set()
        kept = []
        for state in sorted(states, key=order):
            marks = {self.loss(state), self.skeleton(state)}
            if seen.isdisjoint(marks):
                kept.append(state)
            seen |= marks
        return kept

    def fitted(self, state: Reading) -> Reading:
        """With the settings from ranges that fit best: least squares on their logarithms."""
        names = self.fitted_names(state)
        if not names:
            return state

        def with_values(x):
            return replace(state, **dict(zip(names, np.exp(x).tolist())))

        beyond = 4 if self.original else 0.1  # a port may have any value
        low, high = (np.log([RANGES[name][end] for name in names]) for end in (0, -1))
        low, high = low - beyond, high + beyond
        fit = least_squares(
            lambda x: self.answer(with_values(x))[0],
            np.log([getattr(state, name) for name in names]).clip(low, high),
            bounds=(low, high),
            method="dogbox",  # trf creeps along narrow valleys
            diff_step=1e-6,
            ftol=1e-5,
            max_nfev=20,
        )
        return with_values(fit.x)


def neighbours(state: Reading, names: tuple[str, ...], stage: Stage) -> Iterator[Reading]:
    """What changes of these choices make of a state, if they show."""
    for settings in product(*(settings_to_try(name, state, stage) for name in names)):
        other = replace(state, **dict(zip(names, settings)))
        if (stage.original or not conflicts(other)) and stage.loss(other) != stage.loss(state):
            yield other


def settings_to_try(name: str, state: Reading, stage: Stage) -> list[Any]:
    """Its own, and those of the menu; where no window can close yet, one setting stands for all."""
    own, settings = getattr(state, name), stage.menu[name]
    if name in ("sliding_window", "temperature_interval"):
        length = max(call.tokens.shape[1] for call in stage.calls)
        closing = [position for position in settings if position and position < length]
        hidden = bool(own and own >= length)
        settings = closing if hidden else [None, *(closing or settings[1:2])]
    return [*dict.fromkeys([own, *settings])]


def climb(states: list[Reading], stage: Stage, moves: Moves) -> list[Reading]:
    """Best-first search: of the best state not yet looked at, the best moves, each with a fit."""
    states = stage.best(states)
    starts, looked_at, tried = states[1:], dict[frozenset, float](), Counter[frozenset]()
    for look in range(LOOKS):
        reached = {stage.skeleton(state): stage.loss(state) for state in states}
        waiting = [  # also those that fit better than when they were looked at
            state
            for state in states
            if stage.loss(state) < 0.9 * looked_at.get(stage.skeleton(state), np.inf)
        ]
        if stage.solves(states[0]) or not waiting:
            break
        here = waiting[0]
        if look % 3 == 2 and starts:  # none is left out for what came of the best
            here = starts.pop(0)
        looked_at[stage.skeleton(here)] = stage.loss(here)
        near: list[Reading] = []
        for names in moves:
            made = []
            for other in neighbours(here, names, stage):
                skeleton = stage.skeleton(other)
                if tried[skeleton] < TRIES or stage.loss(other) < reached.get(skeleton, 0):
                    made.append(other)
            near += stage.best(made)[:FITS]
        near = stage.best(near)
        tried.update(map(stage.skeleton, near))
        # the state itself goes on where its fit stopped
        states = stage.best([*states, *map(stage.fitted, [here, *near])])
    return states


def plainest(found: Reading, stage: Stage) -> Reading:
    """As few changes as can be and, of what was fitted, values of few digits."""
    start = stage.original or Reading(found.heads)
    for name, value in stage.changes(found).items():
        options = [getattr(start, name)]
        if name in RANGES and value is not None:
            options += [float(f"{value:.{digits}g}") for digits in (2, 3, 4)]
        others = [replace(found, **{name: option}) for option in options]
        found = next(filter(stage.solves, others), found)
    return found
