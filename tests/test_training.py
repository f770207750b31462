"""What a trainer needs of the task: rewards in groups, no reward for a fault of the engine, variants that suit."""

import asyncio

import pytest
from inspect_ai.dataset import MemoryDataset
from inspect_ai.solver import solver
from inspect_ai.util import sandbox

import examples.train as train
from difficulty.find_rates import Attempt
from identification.port import port
from inspect_task import orphan_checkpoint
from reference.architecture import Architecture
from reference.rows import Row
from tests.made_logs import ROWS


@solver
def sometimes():
    """Right in the first epoch, wrong in the second; in the third the engine is broken."""

    async def solve(state, generate):
        row = Row(**state.metadata)
        source = port(Architecture(**row.architecture), "")
        if state.epoch == 2:
            source = "raise ValueError"
        await sandbox().write_file("model.py", source)
        if state.epoch == 3:
            state.metadata["hash"] = "broken"  # the grader finds it and raises
        return state

    return solve


def policy(folder, **more):
    options = {"model": "none", "sandbox": "local", "display": "none", "log_dir": str(folder)}
    return {**options, "solver": sometimes(), **more}


def task(*places):
    """The task on some rows of the dataset."""
    made = orphan_checkpoint()
    made.dataset = MemoryDataset([made.dataset[place] for place in places])
    return made


def test_groups_have_a_reward_for_each_rollout_that_was_graded(tmp_path):
    """By sample id, though all samples have the same prompt; also under a running event loop."""

    async def trainer():
        return train.rollouts(task(0, 1), 3, **policy(tmp_path))

    groups = asyncio.run(trainer())
    rewards = {name: sorted(reward for reward, _ in group) for name, group in groups.items()}
    assert rewards == {row["id"]: [0.0, 1.0] for row in ROWS[:2]}
    assert all(sample.id == name for name, group in groups.items() for _, sample in group)


def test_a_log_without_samples_says_so(tmp_path):
    with pytest.raises(ValueError, match="leave log_samples and score on"):
        train.rollouts(task(0), 1, **policy(tmp_path, log_samples=False))


def test_variants_are_drawn_near_a_quarter(tmp_path, monkeypatch):
    """A model that always finds what it was tried on gets more departures than one that never does."""
    hidden = frozenset(ROWS[3]["architecture"]) - {"heads"}
    made = []

    def certify(seed, number, count, variant):
        made.append(count)
        return Row(**ROWS[0] | {"id": f"row-{len(made)}"})

    monkeypatch.setattr(train, "certified_row", certify)
    sizes = []
    for passed in (True, False):
        attempts = [Attempt(hidden, passed, hidden if passed else frozenset())] * 10
        samples = train.draw(attempts, 4, tmp_path / "next.jsonl").dataset
        assert len(samples) == len(made) == 4
        sizes.append(sum(made))
        made.clear()
    assert sizes[0] > 2 * sizes[1]


@pytest.mark.parametrize(
    "rewards, signal",
    [
        ([1, 0, 0, 0], [3**0.5, *[-(3**-0.5)] * 3]),
        ([1, 0], [1, -1]),
        ([0, 0], [0, 0]),
        ([1, 1], [0, 0]),
    ],
)
def test_advantages_are_standardised_within_the_group(rewards, signal):
    assert train.advantages(rewards) == pytest.approx(signal)
