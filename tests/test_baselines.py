"""Solvers without a language model, through Inspect: the search and the walkthrough."""

import pytest

from baselines.search import search, shares
from reference.architecture import SETTINGS
from tests.harness import inspect, the_log


def run(solver, tmp_path, *arguments):
    command = ["eval", "inspect_task.py", "--model", "none", "--sandbox", "local"]
    process = inspect(*command, "--solver", solver, *arguments, log_dir=tmp_path)
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 0, said
    return the_log(tmp_path).samples


def test_the_search_solves_what_it_knows(tmp_path):
    for knowledge in (1, 0):
        arguments = ["-T", "departures=1", "-S", f"knowledge={knowledge}"]
        (sample,) = run("baselines/search.py@search", tmp_path / str(knowledge), *arguments)
        assert sample.scores["parity"].value == knowledge


def test_the_walkthrough_passes_with_the_tools_of_the_agent(tmp_path):
    (sample,) = run("baselines/walkthrough.py@walkthrough", tmp_path, "-T", "departures=2")
    assert sample.scores["parity"].value == 1
    called = {
        call.function
        for message in sample.messages
        for call in getattr(message, "tool_calls", None) or []
    }
    assert called == {"bash", "python", "check_port"}


def test_what_the_search_knows():
    even = shares(0.7)
    assert set(even) == set(SETTINGS)
    assert all(share == pytest.approx(0.7) for share in even.values())
    uneven = shares(0.7, 2.0)
    assert uneven == shares(0.7, 2.0)
    assert len(set(uneven.values())) == len(SETTINGS)
    assert shares({"sinks": 0.2})["sinks"] == 0.2
    assert shares({"sinks": 0.2})["norm"] == 1


@pytest.mark.parametrize("knowledge", [1.5, -0.1, {"sinks": 2}])
def test_knowledge_that_is_no_share(knowledge):
    with pytest.raises(ValueError, match="knowledge is a share from 0 to 1"):
        search(knowledge)
