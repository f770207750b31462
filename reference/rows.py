"""A row of dataset.jsonl, as the second version will have it (to be replaced when that is merged)."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from pydantic import BaseModel

import build_dataset
from reference.architecture import Architecture
from reference.variants import build


class Call(NamedTuple):
    weights: dict[str, np.ndarray]
    tokens: np.ndarray
    logits: np.ndarray


class Row(BaseModel):
    id: str
    seed: int
    departures: int
    architecture: dict[str, Any]
    hash: str


def read_rows(path: Path, departures: int | None = None) -> list[Row]:
    return [Row(**row) for row in build_dataset.read_rows(path, departures)]


def load(row: Row) -> list[Call]:
    return [Call(*call) for call in build(row.seed, Architecture(**row.architecture))]
