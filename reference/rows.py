"""A row of dataset.jsonl: one variant, spelled out, with a hash of what its original answers."""

from hashlib import sha256

import numpy as np
from pydantic import BaseModel, Field, model_validator

from reference.architecture import HEADS, SETTINGS, Architecture
from reference.variant import Call, build

OPTIONS = {"heads": HEADS} | {name: settings[1:] for name, settings in SETTINGS.items()}
"""What a row may say of a choice."""


class Row(BaseModel, extra="forbid", frozen=True, strict=True):
    id: str
    seed: str = Field(pattern="^[0-9a-f]{1,32}$")
    """Of the dataset, 128 bits in hexadecimal."""
    number: int = Field(ge=0)
    """Which child of the seed the variant is made from."""
    departures: int
    architecture: dict
    """heads, and the setting of every departure."""
    hash: str
    canary: str
    """So that a dataset can be found in training data, and kept out of it."""

    @model_validator(mode="after")
    def has_settings_of_the_catalogue(self):
        for name, setting in {"heads": None, **self.architecture}.items():
            if repr(setting) not in map(repr, OPTIONS.get(name, ())):  # True is not 1, 2 not 2.0
                raise ValueError(f"architecture: {name} cannot be {setting!r}")
        if self.departures != len(self.architecture) - 1:
            raise ValueError(f"departures: architecture has {len(self.architecture) - 1}")
        return self


def digest(calls: list[Call]) -> str:
    """Hash of all logits of a variant, to three decimals, which no platform moves."""
    rounded = [np.round(call.logits, 3) + 0.0 for call in calls]
    return sha256(b"".join(logits.tobytes() for logits in rounded)).hexdigest()[:16]


def load(row: Row) -> list[Call]:
    """The call of the traces and those of the probes. ValueError: this code makes another variant."""
    calls = build(row.seed, row.number, Architecture(**row.architecture))
    if digest(calls) != row.hash:
        raise ValueError(f"row {row.id}: hash: this code makes another model of its seed")
    return calls
