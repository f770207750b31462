"""The reference against Hugging Face transformers 5.23: whole models, from fixtures/make.py, to rounding."""

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from reference.architecture import SETTINGS, Architecture, departures
from reference.transformer import forward

FIXTURES = sorted(path.stem for path in Path(__file__).parent.glob("fixtures/*.npz"))
BOUND = 1e-11  # of logits near 1 in float64; the worst is 3e-14
BOUNDS = {"bloom": 1e-8}  # its GELU has sqrt(2 / pi) to eight digits, 0.79788456
SHOWS = 1e-4  # what undoing a departure does at least

NOT_COVERED = {
    (
        "qkv_layout",
        "per_group_interleaved",
    ): "a layout of checkpoints, which transformers does not run",
}


@cache
def load(name):
    """Weights, tokens, the logits of transformers, and the architecture."""
    with np.load(Path(__file__).parent / f"fixtures/{name}.npz") as file:
        arrays = dict(file)
    a = Architecture(**json.loads(str(arrays.pop("about")))["architecture"])
    tokens, logits = arrays.pop("tokens"), arrays.pop("logits")
    return arrays, tokens, logits, a


def error(name, **changes):
    """Worst logit of the reference, with changes to the architecture."""
    weights, tokens, logits, a = load(name)
    first = {n.replace("norm_1", "norm_2"): w for n, w in weights.items() if n.endswith("norm_1")}
    with np.errstate(all="ignore"):
        ours = forward(first | weights, tokens, replace(a, **changes))
    return abs(ours - logits).max()


@pytest.mark.parametrize("name", FIXTURES)
def test_architecture(name):
    assert error(name) < BOUNDS.get(name, BOUND)


@pytest.mark.parametrize("name", FIXTURES)
def test_each_departure_of_a_fixture_shows(name):
    """So the comparison above would see a choice that the reference does otherwise."""
    made = departures(load(name)[3])
    errors = {choice: error(name, **{choice: SETTINGS[choice][0]}) for choice in made}
    assert made
    assert {choice: e for choice, e in errors.items() if not e > SHOWS} == {}


def test_what_no_fixture_covers():
    """Every setting of a menu, every range off its baseline: a fixture has it or the table says why not."""
    architectures = [load(name)[3] for name in FIXTURES]
    missing = set()
    for choice, (baseline, *others) in SETTINGS.items():
        made = {getattr(a, choice) for a in architectures}
        if len(others) < 10:
            missing |= {(choice, setting) for setting in (baseline, *others) if setting not in made}
        elif made <= {baseline}:
            missing.add((choice, "a range"))
    assert missing == set(NOT_COVERED)


@pytest.mark.parametrize("name", FIXTURES)
def test_versions(name):
    with np.load(Path(__file__).parent / f"fixtures/{name}.npz") as file:
        assert json.loads(str(file["about"]))["transformers"] == "5.23.0"
