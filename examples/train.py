"""What a trainer does with the task: groups of rollouts, their 0/1 rewards, and which groups carry a gradient.

    python examples/train.py        # a group of 4 on each of two variants, by the search of baselines/

Put your model in the place of the search: rollouts(variants(), 8, model="vllm/...", sandbox="docker").
"""

import sys
from pathlib import Path
from statistics import mean, pstdev

sys.path.insert(0, str(Path(__file__).parents[1]))

from inspect_ai import Task, eval, task_with
from inspect_ai.dataset import MemoryDataset

from baselines.search import search
from inspect_task import orphan_checkpoint


def variants(ids: list[str] | None = None, dataset: str = "dataset.jsonl") -> Task:
    """The task on these variants, each with a prompt of its own: trainers know a sample by its prompt."""
    task = orphan_checkpoint(dataset=dataset)
    for number, sample in enumerate(task.dataset, 1):
        sample.input = f"{sample.input}\nThis is checkpoint {number}."
    chosen = [sample for sample in task.dataset if ids is None or sample.id in ids]
    return task_with(task, dataset=MemoryDataset(chosen))


def rollouts(task: Task, group: int, **policy) -> dict[str, list[tuple[float, int]]]:
    """Variant -> (reward, tokens) of each rollout; one that broke has no score and is left out."""
    (log,) = eval(task, epochs=group, **policy)
    groups: dict[str, list[tuple[float, int]]] = {}
    for sample in log.samples or []:
        if sample.scores:
            tokens = sum(usage.total_tokens for usage in sample.model_usage.values())
            reward = sample.scores["parity"].as_float()
            groups.setdefault(str(sample.id), []).append((reward, tokens))
    return groups


def advantages(rewards: list[float]) -> list[float]:
    """Of GRPO: standardised within the group; all zero, hence no gradient, if the rewards are equal."""
    spread = pstdev(rewards)
    return [(reward - mean(rewards)) / spread if spread else 0.0 for reward in rewards]


if __name__ == "__main__":
    policy = {"solver": search(knowledge=0.8, seed=1), "model": "mockllm/model", "sandbox": "local"}
    task = variants([str(sample.id) for sample in variants().dataset][:2])
    for variant, group in rollouts(task, 4, log_dir="logs", display="none", **policy).items():
        rewards = [reward for reward, _ in group]
        signal = [round(a, 2) for a in advantages(rewards)]
        print(
            f"{variant}  tokens {sum(tokens for _, tokens in group)}  rewards {rewards}", end="  "
        )
        print(f"mean {mean(rewards):.2f}  spread {pstdev(rewards):.2f}", end="  ")
        print(f"advantages {signal}" if any(signal) else "no gradient")
