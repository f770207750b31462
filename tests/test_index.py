"""The indexes of attacks and ports are those of the files that are there."""

import pytest

from tests.index import TESTS, TITLES, index


@pytest.mark.parametrize("folder", TITLES)
def test_the_index_is_up_to_date(folder):
    page = (TESTS / f"{folder}.md").read_text(encoding="utf-8")
    assert page == index(folder), "run python tests/index.py"
