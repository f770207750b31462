"""Sweeps: claims about many fresh variants, which take minutes. They run with --sweep."""

import secrets
from itertools import count
from multiprocessing import Pool

import pytest
from rich.progress import track

from reference.architecture import SETTINGS
from reference.rows import Row
from variants.certificate import certified_row


def pytest_collection_modifyitems(config, items):
    if not config.getoption("sweep"):
        for item in items:
            if "/sweeps/" in item.nodeid:
                item.add_marker(pytest.mark.skip(reason="a sweep: give --sweep"))


@pytest.fixture
def of_each(request) -> int:
    """How many of each kind are tried."""
    return request.config.getoption("count")


def fresh_row(departures: int) -> Row:
    """A certified variant that nobody has seen."""
    seed = secrets.token_hex(16)
    made = (certified_row(seed, number, departures, SETTINGS) for number in count())
    return next(filter(None, made))


def in_parallel(function, jobs: list) -> list:
    with Pool() as pool:
        return [*track(pool.imap_unordered(function, jobs), function.__name__, len(jobs))]
