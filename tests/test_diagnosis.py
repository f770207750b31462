"""The diagnosis of a failing port: where it goes wrong and which departures it missed."""

import json
import re
from dataclasses import replace
from functools import cache
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from reference.variants import PROBES, build

from reference.architecture import SETTINGS, Architecture, departures
from reference.transformer import forward
from scorers.diagnosis import diagnose
from scorers.parity import TOLERANCE

ROWS = [json.loads(line) for line in Path(__file__).parents[1].joinpath("dataset.jsonl").open()]
VARIANTS = {row["id"]: (row["seed"], Architecture(**row["architecture"])) for row in ROWS}


@cache
def probes(seed, a):
    return build(seed, a)[1:]


def answers(seed, a, port):
    """What a port answers to the probes, one array per probe."""
    return [forward(w, tokens, port) for w, tokens, _ in probes(seed, a)]


def diagnosed(seed, a, logits):
    flat = np.concatenate([z.ravel() for z in logits])
    where, missed = diagnose(flat, probes(seed, a), a, TOLERANCE)
    position, numbers = re.fullmatch(
        r"wrong from position (\d+), in probes (\[.+\])", where
    ).groups()
    return int(position), json.loads(numbers), missed


def undone(a, names):
    return {name: SETTINGS[name][0] for name in names}


def subsets():
    """Every departure of the dataset, every pair of them, and all of a variant."""
    for name, (_, a) in VARIANTS.items():
        hidden = [*departures(a)]
        for names in [*combinations(hidden, 1), *combinations(hidden, 2), tuple(hidden)]:
            yield name, names


@pytest.mark.parametrize(("variant", "names"), dict.fromkeys(subsets()))
def test_exactly_the_departures_undone_are_named(variant, names):
    seed, a = VARIANTS[variant]
    port = replace(a, **undone(a, names))
    assert diagnosed(seed, a, answers(seed, a, port))[2] == undone(a, names)


@pytest.mark.parametrize(
    ("variant", "change"),
    [
        (name, {choice: setting})
        for name, (_, a) in VARIANTS.items()
        for choice, other in departures(a).items()
        if len(SETTINGS[choice]) < 10
        for setting in SETTINGS[choice][1:]
        if setting not in (other, "no_gain")  # that is for checkpoints without gains
    ],
    ids=str,
)
def test_a_departure_set_otherwise_is_named_with_its_setting(variant, change):
    seed, a = VARIANTS[variant]
    assert diagnosed(seed, a, answers(seed, a, replace(a, **change)))[2] == change


# Not every setting fits the parameters of a variant, whose block or qk_norm has fewer of them.
FEWER = [
    Architecture(heads=4, block="post", rope_factor=3.0),
    Architecture(heads=4, block="parallel", rope_factor=3.0),
    Architecture(heads=4, block="parallel_two_norms", rope_factor=3.0),
    Architecture(heads=2, qk_norm="no_gain", rope_factor=3.0),
    Architecture(heads=2, qk_norm="head", sinks=True),
]


@pytest.mark.parametrize("a", FEWER, ids=lambda a: str(departures(a)))
def test_a_setting_that_does_not_fit_the_parameters_is_passed_over(a):
    noise = [z + 1 for _, _, z in probes(0, a)]
    assert diagnosed(0, a, noise) == (0, [*range(1, 13)], None)
    last = [*departures(a)][-1]
    port = replace(a, **undone(a, [last]))
    assert diagnosed(0, a, answers(0, a, port))[2] == undone(a, [last])


@pytest.mark.parametrize("value", [0.0, 1e300, np.inf, np.nan])
@pytest.mark.parametrize("variant", [*VARIANTS][::2])
def test_garbage_is_wrong_everywhere_and_not_explained(variant, value):
    seed, a = VARIANTS[variant]
    garbage = [np.full_like(z, value) for _, _, z in probes(seed, a)]
    everywhere = [*range(1, len(garbage) + 1)]
    assert diagnosed(seed, a, garbage) == (0, everywhere, None)


LONGER = [n for n, (_, length) in enumerate(np.repeat(PROBES, 2, axis=0), 1) if length > 1]


@pytest.mark.parametrize("value", [5.0, np.nan])
@pytest.mark.parametrize("variant", [*VARIANTS][:2])
def test_a_port_right_at_position_0_only_goes_wrong_at_1(variant, value):
    seed, a = VARIANTS[variant]
    logits = [z.copy() for _, _, z in probes(seed, a)]
    for z in logits:
        z[:, 1:] += value
    assert diagnosed(seed, a, logits) == (1, LONGER, None)


def test_one_wrong_logit_is_found():
    seed, a = VARIANTS[ROWS[0]["id"]]
    logits = [z.copy() for _, _, z in probes(seed, a)]
    assert logits[3].shape[:2] == PROBES[1]
    logits[3][2, 5, 7] += 1.01 * TOLERANCE
    logits[2][0, 6, 0] = np.nan
    logits[0] += 0.99 * TOLERANCE  # near enough
    assert diagnosed(seed, a, logits) == (5, [3, 4], None)


def test_a_wrong_mask_or_rotation_starts_after_position_0():
    a = Architecture(heads=4, sliding_window=5, logit_scale=2.0)
    window = answers(0, a, replace(a, sliding_window=np.inf))
    reaches = [n for n, (_, length) in enumerate(np.repeat(PROBES, 2, axis=0), 1) if length > 5]
    assert diagnosed(0, a, window) == (5, reaches, {"sliding_window": np.inf})
    assert diagnosed(0, a, answers(0, a, replace(a, logit_scale=1.0)))[0] == 0


def test_a_setting_off_every_menu_is_not_explained():
    a = Architecture(heads=4, rope_factor=4.0, score_scale=0.5)
    position, _, missed = diagnosed(0, a, answers(0, a, replace(a, rope_factor=4.5)))
    assert (position, missed) == (1, None)
