"""Certifies a variant: no wrong port of a long list comes near the original on the traces.

Other settings of every choice, every other head count that the shapes allow, the usual slips with the
parameters, and every pair of departures undone or altered is off by at least ten tolerances somewhere; and a port in
single precision is within a fifth of the tolerance on every call.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import combinations, product
from typing import Any

import numpy as np

from reference.architecture import SETTINGS, Architecture, departures
from reference.rows import Row, digest
from reference.transformer import Weights, forward
from reference.variant import Call, build, layer_parameters
from variants.draw import draw_architecture, draw_id
from variants.ports import Port, head_counts, head_sizes, summed_eps, tiled_heads, with_block
from variants.rules import conflicts

CANARY = "orphan-checkpoint 5c0e8f5e-2f0b-4a3b-9d57-61c7a2f1b9d4, not for training corpora"
TOLERANCE = 5e-4
"""Worst absolute error of a logit that is right: five times what single precision may cost."""
MARGIN = 10 * TOLERANCE
"""What every wrong port is off by."""
HONEST = TOLERANCE / 5
"""What a port in single precision may be off by."""


def alternatives(name: str, setting: Any) -> list[Any]:
    """The other settings of a choice. Of a range: the baseline, and 20% (of whole numbers: 1) down and up or, from
    the baseline, its two ends and its middle."""
    baseline, *others = SETTINGS[name]
    if len(others) < 10:
        near = others
    elif setting == baseline:
        near = [others[0], others[len(others) // 2], others[-1]]
    elif isinstance(setting, int):
        near = [setting - 1, setting + 1]
    else:
        near = [0.8 * setting, 1.2 * setting]
    return [other for other in (baseline, *near) if other != setting]


def changes(architecture: Architecture, weights: Weights) -> Iterator[Port]:
    """The ports that a certified variant is told apart from."""
    hidden = departures(architecture)
    options = {name: alternatives(name, getattr(architecture, name)) for name in SETTINGS}
    options["heads"] = [heads for heads in head_counts(weights) if heads != architecture.heads]
    if architecture.block == "parallel":  # with one norm to read, the same
        options["block"].remove("parallel_two_norms")
    changed = [{name: option} for name in options for option in options[name]]
    for one, other in combinations(hidden, 2):
        changed += [{one: a, other: b} for a, b in product(options[one], options[other])]
    for change in changed:
        port = replace(architecture, **change)
        if hidden.keys() & change or not conflicts(port):
            yield with_block(weights, architecture.block, port.block), port
    if head_sizes(weights, architecture.heads)[1] < architecture.heads:
        yield tiled_heads(weights, architecture)


def distance(port: Port, call: Call, dtype: type = np.float64) -> float:
    """Worst absolute error of a port on a call, or on its first sequence if that is enough; inf if the parameters
    do not fit it, or on overflow. The port's weights stand in the place of the call's."""
    weights, architecture = port
    for count in (1, len(call.tokens)):
        with np.errstate(all="ignore"):
            try:
                logits = forward(weights, call.tokens[:count], architecture, dtype)
            except (KeyError, ValueError):
                return np.inf
            error = np.nan_to_num(abs(logits - call.logits[:count]).max(), nan=np.inf)
        if error >= MARGIN:
            break
    return float(error)


def single_precision_error(architecture: Architecture, calls: list[Call]) -> float:
    """Worst absolute error, on all calls, of a port whose every array is in single precision."""
    return max(distance((call.weights, architecture), call, np.float32) for call in calls)


def is_certified(architecture: Architecture, calls: list[Call]) -> bool:
    if single_precision_error(architecture, calls) > HONEST:
        return False
    traces = calls[0]
    if architecture.qk_norm:  # this slip is no mistake where it changes nothing
        slip = distance(summed_eps(traces.weights, architecture), traces)
        if HONEST < slip < MARGIN:
            return False
    ports = changes(architecture, traces.weights)
    return all(distance(port, traces) >= MARGIN for port in ports)


def certified_row(seed: str, number: int, count: int, choices: Iterable[str]) -> Row | None:
    """The variant with that many departures among the choices that this child of the seed makes, if certified."""
    random = np.random.default_rng(np.random.SeedSequence(int(seed, 16), spawn_key=(number, 0)))
    architecture = draw_architecture(random, count, choices)
    calls = build(seed, number, architecture)
    if not is_certified(architecture, calls):
        return None
    return Row(
        id=draw_id(random),
        seed=seed,
        number=number,
        departures=count,
        architecture={"heads": architecture.heads, **departures(architecture)},
        hash=digest(calls),
        canary=CANARY,
    )


def is_silent(name: str, architecture: Architecture) -> bool:
    """Does this departure leave no mark in the parameters?"""
    undone = replace(architecture, **{name: SETTINGS[name][0]})
    return layer_parameters(undone).keys() == layer_parameters(architecture).keys()


def shows_at_position_0(name: str, architecture: Architecture, traces: Call) -> bool:
    """Does undoing this departure change the first logits of a sequence?"""
    undone = replace(architecture, **{name: SETTINGS[name][0]})
    first = Call(traces.weights, traces.tokens[:, :1], traces.logits[:, :1])
    weights = with_block(traces.weights, architecture.block, undone.block)
    return distance((weights, undone), first) > 1e-9
