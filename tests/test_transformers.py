"""The reference against Hugging Face transformers 5.23: the logits of whole models, made by fixtures/make.py."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from reference.architecture import SETTINGS, departures
from reference.transformer import forward
from tests.fixtures.read import ADAPTED, COUNTS, FIXTURES, UNMODIFIED, load
from variants.ports import with_block

BOUND = 1e-11  # in float64, of logits up to 10; the worst is 5.9e-14
SHOWS = 5e-4  # what undoing any departure of a fixture does at least


def error(name, **changes):
    """Worst logit of the reference, with changes to the architecture."""
    weights, tokens, logits, architecture, _ = load(name)
    port = replace(architecture, **changes)
    weights = with_block(weights, architecture.block, port.block)
    return abs(forward(weights, tokens, port) - logits).max()


@pytest.mark.parametrize("name", UNMODIFIED)
def test_unmodified_model(name):
    """Nothing but its config was chosen."""
    assert error(name) < BOUND


@pytest.mark.parametrize("name", ADAPTED)
def test_adapted_model(name):
    """What was changed besides its config is in the fixture: python -m tests.fixtures.read"""
    assert error(name) < BOUND


@pytest.mark.parametrize("name", FIXTURES)
def test_each_departure_of_a_fixture_shows(name):
    """So the comparison above would see a choice that the reference forgot."""
    made = departures(load(name)[3])
    errors = {choice: error(name, **{choice: SETTINGS[choice][0]}) for choice in made}
    assert min(errors.values()) > SHOWS, errors


def test_every_choice_is_in_a_fixture():
    """Every setting of a menu, and every range off its baseline. One nth layer is as good as another."""
    architectures = [load(name)[3] for name in FIXTURES]
    missing = set()
    for choice, (baseline, *others) in SETTINGS.items():
        made = {getattr(a, choice) for a in architectures}
        if len(others) < 10:
            missing |= {(choice, setting) for setting in (baseline, *others) if setting not in made}
        elif made == {baseline}:
            missing.add((choice, "its range"))
    assert missing == set()


def test_fixtures_are_of_the_version_that_the_docstrings_cite():
    assert {load(name)[4]["transformers"] for name in FIXTURES} == {"5.23.0"}


def test_the_docs_count_fixtures_as_they_are():
    root = Path(__file__).parents[1]
    pages = [root / "README.md", *root.glob("docs/*.md")]
    words = " ".join(page.read_text(encoding="utf-8") for page in pages).split()
    told = re.findall(r"\d+ whole models, \d+ of them unmodified", " ".join(words))
    assert set(told) == {COUNTS}
