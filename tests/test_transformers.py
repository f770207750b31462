"""The reference against Hugging Face transformers 5.23: the logits of whole models, made by fixtures/make.py."""

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from reference.architecture import SETTINGS, Architecture, departures
from reference.transformer import forward

FIXTURES = {path.stem: path for path in sorted(Path(__file__).parent.glob("fixtures/*.npz"))}
BOUND = 1e-11  # in float64, of logits up to 10; the worst is 1.4e-14
BOUNDS = {"bloom": 1e-8}  # its GELU writes sqrt(2 / pi) as 0.79788456
SHOWS = 5e-4  # what undoing any departure of a fixture does at least

NOT_COVERED = {
    ("qkv_layout", "per_group_interleaved"): "transformers converts such checkpoints, it runs none",
}


@cache
def load(name):
    """Weights, tokens, the logits of transformers, the architecture, and the version of transformers."""
    with np.load(FIXTURES[name]) as file:
        weights = dict(file)
    about = json.loads(str(weights.pop("about")))
    a = Architecture(**about["architecture"])
    return weights, weights.pop("tokens"), weights.pop("logits"), a, about["transformers"]


def error(name, **changes):
    """Worst logit of the reference, with changes to the architecture."""
    weights, tokens, logits, a, _ = load(name)
    first = {n.replace("norm_1", "norm_2"): w for n, w in weights.items() if "norm_1" in n}
    weights = first | weights  # a block with one norm, undone, uses it twice
    return abs(forward(weights, tokens, replace(a, **changes)) - logits).max()


@pytest.mark.parametrize("name", FIXTURES)
def test_architecture(name):
    assert error(name) < BOUNDS.get(name, BOUND)


@pytest.mark.parametrize("name", FIXTURES)
def test_each_departure_of_a_fixture_shows(name):
    """So the comparison above would see a choice that the reference forgot."""
    made = departures(load(name)[3])
    errors = {choice: error(name, **{choice: SETTINGS[choice][0]}) for choice in made}
    assert min(errors.values()) > SHOWS, errors


def test_what_no_fixture_covers():
    """Every setting of a menu, and every range off its baseline, is in a fixture or in the table."""
    architectures = [load(name)[3] for name in FIXTURES]
    missing = set()
    for choice, (baseline, *others) in SETTINGS.items():
        made = {getattr(a, choice) for a in architectures}
        if len(others) < 10:
            missing |= {(choice, setting) for setting in (baseline, *others) if setting not in made}
        elif made == {baseline}:
            missing.add((choice, "its range"))
    assert missing == set(NOT_COVERED)


def test_fixtures_are_of_the_version_that_the_docstrings_cite():
    assert {load(name)[4] for name in FIXTURES} == {"5.23.0"}
