"""A solver without a language model: a beam search over the catalogue, from the files that the agent gets.

    inspect eval inspect_task.py --solver baselines/search.py --model mockllm/model --sandbox local \\
        -S knowledge=0.8 -S seed=1

It knows each choice of reference/architecture.py with probability `knowledge`, drawn anew for each attempt.
With knowledge 1 it shows that the public files suffice; with less, how the number of departures grades.
It localises: position 0 first, where rotation, windows and score scales vanish, then 12 positions, then 48.
"""

import asyncio
import io
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import cache
from itertools import chain
from pathlib import Path
from random import Random

import numpy as np
from inspect_ai.solver import Generate, Solver, TaskState, solver
from inspect_ai.util import sandbox

from build_dataset import conflicts, head_counts
from reference import architecture, transformer
from reference.architecture import SETTINGS, Architecture
from reference.transformer import forward

BEAM = 6
ROUNDS = 12
PATIENCE = 2
GRID = 10
"""Points of a range that a move tries; hill climbing then finds the value."""
STAGES = ((8, 1), (4, 12), (2, 48))
"""Traces, and positions of them, that are looked at together."""
EXACT = 1e-4

Loss = tuple[float, float]


def search(
    weights: dict[str, np.ndarray], tokens: np.ndarray, logits: np.ndarray, known: list[str]
) -> Architecture:
    """The architecture that answers the traces best, of those that the known choices span."""
    heads, solved = head_counts(weights), None
    beam = [Architecture(heads=heads[0])]
    for traces, length in STAGES:
        stage = tokens[:traces, :length], logits[:traces, :length]
        beam = climb(
            [replace(a, heads=n) for a in beam for n in heads], weights, stage, known, solved
        )
        solved = stage if worst(beam[0], weights, stage) < EXACT else solved
    return beam[0]


def worst(a, weights, stage):
    """Worst absolute error at a stage."""
    tokens, logits = stage
    return abs(forward(weights, tokens, a) - logits).max()


def climb(beam, weights, stage, known, solved):
    """Beam search at one stage among the states that keep the solved one solved; best state first."""
    tokens, logits = stage
    target = logits - logits.mean(-1, keepdims=True)

    @cache
    def loss(a: Architecture) -> Loss:
        """Root mean square error, and one minus correlation, which is blind to the scale of the logits."""
        try:
            with np.errstate(all="ignore"):
                if solved and not worst(a, weights, solved) < EXACT:
                    return np.inf, np.inf
                answer = forward(weights, tokens, a)
                rms = np.sqrt(np.mean((answer - logits) ** 2))
                answer = answer - answer.mean(-1, keepdims=True)
                cosine = np.sum(answer * target) / np.sqrt(np.sum(answer**2) * np.sum(target**2))
        except (KeyError, ValueError):
            return np.inf, np.inf
        return (float(rms), float(1 - cosine)) if np.isfinite(rms + cosine) else (np.inf, np.inf)

    def best(states, number):
        """Distinct functions only: a choice that does not show yet must not fill the beam."""
        chosen = {}
        for order in (0, 1):
            for a in sorted(states, key=lambda a: loss(a)[order]):
                if len(chosen) >= number * (order + 1) // 2:
                    break
                chosen.setdefault(tuple(round(x, 9) for x in loss(a)), a)
        return sorted(chosen.values(), key=loss)

    def fitted(a):
        """Hill climbing along the ranges."""
        for step in (16, 4, 1):
            for name in ranges(a, known):
                settings = SETTINGS[name][1:]
                at = settings.index(getattr(a, name))
                near = [
                    replace(a, **{name: settings[i]})
                    for i in (at - step, at + step)
                    if 0 <= i < len(settings)
                ]
                a = min([a, *near], key=loss)
        return a

    beam, stale = best(beam, BEAM), 0
    for _ in range(ROUNDS):
        if loss(beam[0])[0] < EXACT or stale == PATIENCE:
            break
        before = loss(beam[0])
        moved = chain.from_iterable(moves(a, known) for a in beam)
        fits = [fitted(a) for a in best({*beam, *moved}, 2 * BEAM)]
        beam = best({*beam, *fits}, BEAM)
        stale = stale + 1 if loss(beam[0]) == before else 0
    return beam


def ranges(a, known):
    return [n for n in known if len(SETTINGS[n]) > 10 and getattr(a, n) != SETTINGS[n][0]]


def moves(a, known):
    """Every state one choice away."""
    for name in known:
        baseline, *others = SETTINGS[name]
        for setting in [baseline, *others[:: max(1, len(others) // GRID)]]:
            if setting != getattr(a, name) and not conflicts(b := replace(a, **{name: setting})):
                yield b
