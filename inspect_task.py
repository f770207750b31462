"""Orphan Checkpoint: write the forward pass of a model whose weights survive and whose code is lost."""

import io
from pathlib import Path

import numpy as np
from inspect_ai import Task, task
from inspect_ai.agent import react
from inspect_ai.dataset import Sample
from inspect_ai.solver import Generate, Solver, TaskState, solver
from inspect_ai.tool import bash, python
from inspect_ai.util import collect, sandbox
from inspect_ai.util._sandbox.local import LocalSandboxEnvironment

from build_dataset import read_rows
from reference.variants import load
from scorers.parity import parity
from tools.check_port import check_port, traces

ROOT = Path(__file__).parent


@task
def orphan_checkpoint(departures: int | None = None, dataset: str = "dataset.jsonl") -> Task:
    """The variants of a dataset that build_dataset.py wrote, or those of them with so many departures."""
    prompt, rows = (ROOT / "prompt.md").read_text(), read_rows(ROOT / dataset, departures)
    return Task(
        dataset=[Sample(input=prompt, id=row["id"], metadata=row) for row in rows],
        setup=stage(),
        solver=react(tools=[bash(300), python(300), check_port()], truncation="auto"),
        scorer=parity(),
        sandbox=("docker", str(ROOT / "compose.yaml")),
        message_limit=400,
        fail_on_error=False,
        version=1,
    )


@solver
def stage() -> Solver:
    """Puts weights.npz and traces.npz into the working directory."""

    async def write(name: str, arrays: dict) -> None:
        np.savez(file := io.BytesIO(), **arrays)
        await sandbox().write_file(name, file.getvalue())

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        if state.model.api != "mockllm" and isinstance(sandbox()._sandbox, LocalSandboxEnvironment):  # type: ignore[attr-defined]
            raise RuntimeError("the local sandbox does not isolate: use --sandbox docker")
        _, ((weights, tokens, logits), *_) = load(state.metadata)
        traces.set((weights, tokens, logits))
        shown = {"tokens": tokens, "logits": np.float32(logits)}
        await collect(write("weights.npz", weights), write("traces.npz", shown))
        return state

    return solve
