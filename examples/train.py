"""What a trainer does with the task: groups of rollouts, their 0/1 rewards, and which groups carry a gradient.

    python examples/train.py        # a group of 4 on each of two variants, by the search of baselines/

Put your model in the place of the search: rollouts(variants(), 8, model="vllm/...", sandbox="docker").
"""

import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, pstdev

sys.path.insert(0, str(Path(__file__).parents[1]))

from inspect_ai import Task, eval, task_with

from baselines.search import search
from inspect_task import orphan_checkpoint


def variants(rungs: tuple[int, ...] = (2, 4, 6, 8), dataset: str = "dataset.jsonl") -> Task:
    """The task on these rungs, each variant with a prompt of its own: trainers know a sample by its prompt."""
    task = orphan_checkpoint(dataset=dataset)
    for number, sample in enumerate(task.dataset, 1):
        sample.input = f"{sample.input}\nThis is checkpoint {number}."
    chosen = task.dataset.filter(lambda sample: (sample.metadata or {})["departures"] in rungs)
    return task_with(task, dataset=chosen)


def rollouts(task: Task, group: int, **policy) -> dict[str, list[tuple[float, int]]]:
    """Variant -> (reward, tokens) of each rollout; one that broke has no score and is left out."""
    (log,) = eval(task, epochs=group, **policy)
    groups = defaultdict(list)
    for sample in log.samples or []:
        if sample.scores:
            tokens = sum(usage.total_tokens for usage in sample.model_usage.values())
            groups[str(sample.id)].append((sample.scores["parity"].as_float(), tokens))
    return groups


def advantages(rewards: Sequence[float]) -> list[float]:
    """Of GRPO: standardised within the group; all zero, hence no gradient, if the rewards are equal."""
    spread = pstdev(rewards) or 1.0
    return [(reward - mean(rewards)) / spread for reward in rewards]


if __name__ == "__main__":
    policy = {"solver": search(knowledge=0.8, seed=1), "model": "mockllm/model", "sandbox": "local"}
    groups = rollouts(variants((2, 4)), 4, log_dir="logs", display="none", **policy)
    for variant, group in groups.items():
        rewards, tokens = zip(*group)
        signal = [round(a, 2) for a in advantages(rewards)] if len({*rewards}) > 1 else "none"
        print(f"{variant}  tokens {sum(tokens)}  rewards {rewards}  gradient {signal}")
