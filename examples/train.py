"""What a trainer does with the task: groups of rollouts, their rewards, and variants that suit what the model finds.

    python examples/train.py        # two steps with groups of 2, by the search of baselines/

Put your model in the place of the search, rollouts(task, 8, model="vllm/...", sandbox="docker"), and your update in the
place of print.
"""

import secrets
import sys
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from statistics import mean, pstdev

import numpy as np
from inspect_ai import Task, eval
from inspect_ai.log import EvalSample

sys.path.insert(0, str(Path(__file__).parents[1]))

from baselines.search import search
from difficulty.choose import candidates
from difficulty.find_rates import Attempt, fit
from inspect_task import orphan_checkpoint
from variants.certificate import certified_row


def rollouts(task: Task, group: int, **policy) -> dict[str, list[tuple[float, EvalSample]]]:
    """Id of a variant -> (reward, sample) of its rollouts; one that broke has no reward and is left out. Inspect gets a
    thread of its own, so that this works under a running event loop too."""
    with ThreadPoolExecutor(1) as thread:
        (log,) = thread.submit(eval, task, epochs=group, **policy).result()
    groups = defaultdict(list)
    for sample in log.samples or []:
        if sample.scores:
            groups[str(sample.id)].append((sample.scores["parity"].as_float(), sample))
    if not groups:
        raise ValueError(f"no rollout has a score (leave log_samples and score on): {log.location}")
    return groups


def advantages(rewards: Sequence[float]) -> list[float]:
    """Of GRPO: standardised within the group; all zero, hence no gradient, if the rewards are equal."""
    spread = pstdev(rewards) or 1.0
    return [(reward - mean(rewards)) / spread for reward in rewards]


def draw(attempts: Sequence[Attempt], count: int, path: Path) -> Task:
    """The task on as many certified variants, whose pass rates should be nearest to 25%."""
    drawn, seed = candidates(np.random.default_rng()), secrets.token_hex(16)
    off = abs(fit(attempts).pass_rates(drawn).mean(0) - 0.25)
    tried = (certified_row(seed, int(n), len(drawn[n]), drawn[n]) for n in np.argsort(off))
    rows = islice(filter(None, tried), count)
    path.write_text("".join(f"{row.model_dump_json()}\n" for row in rows))
    return orphan_checkpoint(dataset=str(path))


if __name__ == "__main__":
    task, attempts = orphan_checkpoint(departures=[1, 2]), list[Attempt]()
    for step in range(2):
        policy = {"solver": search(knowledge=0.8, seed=step), "model": "none", "sandbox": "local"}
        for variant, group in rollouts(task, 2, log_dir="logs", display="none", **policy).items():
            rewards = [reward for reward, _ in group]
            print(f"step {step}  {variant}  rewards {rewards}  advantages {advantages(rewards)}")
            for reward, sample in group:
                told = (sample.scores or {})["parity"].metadata or {}
                attempts.append(Attempt.from_log(sample.metadata, reward == 1, told))
        task = draw(attempts, 2, Path("logs/next.jsonl"))
