"""What a trainer needs of the task: samples to choose from, rewards as floats, token usage, groups with a spread."""

from collections import Counter

import pytest
from harness import ROWS, SUBMIT, WRONG, original, write
from inspect_ai.model import ModelOutput, ModelUsage, get_model

from examples.train import advantages, rollouts, variants


def policy(right: dict[str, str]):
    """A mock policy: every second attempt at a prompt of `right` submits its source, all others a wrong one."""
    attempts: Counter[str] = Counter()

    def answer(messages, tools, choice, config):
        (prompt,) = (message.text for message in messages if message.role == "user")
        turn = SUBMIT
        if not any(message.role == "assistant" for message in messages):
            attempts[prompt] += 1
            turn = write(
                {"model.py": right[prompt] if attempts[prompt] % 2 and prompt in right else WRONG}
            )
        output = ModelOutput.for_tool_call("mockllm/model", *turn)
        output.usage = ModelUsage(input_tokens=100, output_tokens=20, total_tokens=120)
        return output

    return get_model("mockllm/model", custom_outputs=answer, memoize=False)


def test_groups_of_rollouts_become_rewards(tmp_path):
    """Two of the variants, four rollouts each: one group has a spread, the other carries no gradient."""
    task = variants((ROWS[0]["departures"], ROWS[1]["departures"]))
    right = {task.dataset[0].input: original(ROWS[0])}
    groups = rollouts(
        task, 4, model=policy(right), sandbox="local", log_dir=str(tmp_path), display="none"
    )
    assert {
        variant: sorted(reward for reward, _ in group) for variant, group in groups.items()
    } == {
        ROWS[0]["id"]: [0.0, 0.0, 1.0, 1.0],
        ROWS[1]["id"]: [0.0, 0.0, 0.0, 0.0],
    }
    rollout = [result for group in groups.values() for result in group]
    assert all(type(reward) is float for reward, _ in rollout)
    assert [tokens for _, tokens in rollout] == [2 * 120] * 8
    assert [any(advantages([reward for reward, _ in group])) for group in groups.values()] == [
        True,
        False,
    ]


def test_a_trainer_finds_a_sample_by_its_prompt():
    """inspect_rl looks samples up by their text; that text says nothing of the variant."""
    samples = list(variants().dataset)
    assert [sample.id for sample in samples] == [row["id"] for row in ROWS]
    assert len({sample.input for sample in samples}) == len(ROWS)
    for sample, row in zip(samples, ROWS):
        assert str(row["seed"]) not in sample.input and row["hash"] not in sample.input


def test_a_prompt_does_not_change_with_the_choice():
    (alone,) = variants((ROWS[2]["departures"],)).dataset
    assert alone.input == list(variants().dataset)[2].input


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
    assert advantages(rewards) == pytest.approx(signal)
