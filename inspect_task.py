"""Orphan Checkpoint: write the forward pass of a model whose weights survive and whose code is lost."""

import io
import sys
from pathlib import Path

import numpy as np
from inspect_ai import Task, task
from inspect_ai.agent import AgentPrompt, react
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.log import HeadlineMetric
from inspect_ai.model import GenerateConfig
from inspect_ai.solver import Generate, Solver, TaskState, solver
from inspect_ai.tool import bash, python
from inspect_ai.util import collect, sandbox, store

sys.path.insert(0, str(Path(__file__).parent))  # an installed package of the same name comes later

from guards.arguments import ROOT, chosen_rows
from guards.unbreakable import SECONDS, answers, unbreakable
from reference.rows import Row, load
from scorers.parity import parity
from tools.check_port import check_port

VERSION = 2
PROMPT = AgentPrompt(assistant_prompt="Call {submit}() when model.py is done.")


@task
def orphan_checkpoint(departures=None, dataset="dataset.jsonl") -> Task:
    """The variants of a dataset that build_dataset.py wrote, or those of them with so many departures."""
    path, rows = chosen_rows(dataset, departures)
    prompt = (ROOT / "prompt.md").read_text(encoding="utf-8")
    tools = [unbreakable(tool) for tool in (bash(SECONDS), python(SECONDS), check_port())]
    samples = [
        Sample(input=prompt, id=row.id, target=str(row.architecture), metadata=dict(row))
        for row in rows
    ]
    return Task(
        dataset=MemoryDataset(samples, str(path), str(path)),
        setup=stage(),
        solver=react(prompt=PROMPT, tools=tools, model=answers(), truncation="auto"),
        scorer=parity(),
        headline_metric=HeadlineMetric(metric="pass_all"),
        config=GenerateConfig(parallel_tool_calls=False),
        sandbox=("docker", str(ROOT / "compose.yaml")),
        turn_limit=400,
        fail_on_error=False,
        score_on_error=True,
        version=VERSION,
    )


@solver
def stage() -> Solver:
    """Puts weights.npz and traces.npz into the working directory."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        store().set("row", state.metadata)
        (weights, tokens, logits), *_ = load(Row(**state.metadata))
        shown: dict = {"tokens": tokens, "logits": np.float32(logits)}
        writing = []
        for name, arrays in {"weights.npz": weights, "traces.npz": shown}.items():
            np.savez(file := io.BytesIO(), **arrays)
            writing.append(sandbox().write_file(name, file.getvalue()))
        await collect(*writing)
        return state

    return solve
