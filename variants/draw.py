"""Draws architectures: departures by how common they are, their settings evenly."""

from collections.abc import Iterable

import numpy as np

from reference.architecture import RARITY, SETTINGS, Architecture
from reference.rows import OPTIONS
from variants.rules import REQUIRES, conflicts

WEIGHTS = {"common": 6, "uncommon": 3, "rare": 1}
CONSONANTS, VOWELS = "bdfghklmnprstvz", "aeiou"


def draw_architecture(
    random: np.random.Generator, count: int, choices: Iterable[str] = tuple(SETTINGS)
) -> Architecture:
    """An architecture with `count` departures among the choices, and no conflict."""
    choices, names = set(choices), list[str]()
    while len(names) < count:
        added = with_what_it_requires(random, pick(random, choices.difference(names)), names)
        if len(names + added) <= count and choices.issuperset(added):
            architecture = with_departures(random, names + added)
            names += [] if conflicts(architecture) else added
    architecture = with_departures(random, names)
    while conflicts(architecture):  # of their settings
        architecture = with_departures(random, names)
    return architecture


def pick(random: np.random.Generator, names: Iterable[str]) -> str:
    """One of them, by rarity."""
    ordered = sorted(names)
    weights = np.array([WEIGHTS[RARITY[name]] for name in ordered])
    return ordered[random.choice(len(ordered), p=weights / weights.sum())]


def with_what_it_requires(random: np.random.Generator, name: str, names: list[str]) -> list[str]:
    """A further departure, and those that it needs beside the ones that are there."""
    added = [name]
    for one in added:
        for needed in REQUIRES.get(one, []):
            if not needed & {*names, *added}:
                added.append(pick(random, needed))
    return added


def with_departures(random: np.random.Generator, names: Iterable[str]) -> Architecture:
    """An architecture with these departures, their settings drawn evenly."""
    drawn = {}
    for name in (*names, "heads"):
        drawn[name] = OPTIONS[name][random.integers(len(OPTIONS[name]))]
    return Architecture(**drawn)


def draw_id(random: np.random.Generator) -> str:
    """Six syllables, which tell nothing: "bakuro-tinevu"."""
    syllables = [random.choice([*CONSONANTS]) + random.choice([*VOWELS]) for _ in range(6)]
    return "".join(syllables[:3]) + "-" + "".join(syllables[3:])
