"""Logs of the task, made without a run: so that each test states what it is about and nothing else."""

import json
from pathlib import Path
from uuid import uuid4

from inspect_ai.log import EvalConfig, EvalDataset, EvalLog, EvalSample, EvalSpec, write_eval_log
from inspect_ai.model import ModelUsage
from inspect_ai.scorer import Score
from inspect_ai.util import SandboxEnvironmentSpec

from inspect_task import VERSION

ROOT = Path(__file__).parents[1]
ROWS = [json.loads(line) for line in (ROOT / "dataset.jsonl").read_text().splitlines()]
MODEL = "anthropic/claude-haiku-4-5"


def sample(row=ROWS[0], epoch=1, passed=False, uuid=None, cost=None, **told):
    """An attempt at a row; told: metadata of its score."""
    usage = ModelUsage(input_tokens=900, output_tokens=100, total_tokens=1000, total_cost=cost)
    told = {"reason": "passed" if passed else "timeout", "hash": "a", **told}
    return EvalSample(
        id=row["id"],
        epoch=epoch,
        input="prompt",
        target="",
        metadata=row,
        scores={"parity": Score(value=int(passed), answer=told["reason"], metadata=told)},
        model_usage={MODEL: usage},
        working_time=60,
        uuid=uuid or uuid4().hex,
    )


def attempts(*passed, epochs=10, rows=ROWS, **options):
    """So many epochs of each row, of which the first passed[i] pass."""
    return [
        sample(row, epoch, epoch <= number, **options)
        for row, number in zip(rows, passed)
        for epoch in range(1, epochs + 1)
    ]


def log(samples, model=MODEL, config=None, **of_eval):
    """A finished log, as Inspect would write it."""
    spec = EvalSpec(
        created="2026-01-02T03:04:05+00:00",
        task_id=uuid4().hex,
        task="orphan_checkpoint",
        task_version=VERSION,
        dataset=EvalDataset(name=str(ROOT / "dataset.jsonl"), location="dataset.jsonl"),
        model=model,
        sandbox=SandboxEnvironmentSpec("docker", "compose.yaml"),
        config=EvalConfig(turn_limit=400, **(config or {})),
    )
    return EvalLog(status="success", eval=spec.model_copy(update=of_eval), samples=samples)


def save(made, path):
    """Its path, as text."""
    made.eval.eval_id = made.eval.run_id = Path(path).stem
    write_eval_log(made, str(path))
    return str(path)
