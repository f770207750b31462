"""What the task costs beside what cannot be saved: ratios of medians, both sides in turn in one run.

    python benchmarks/speed.py                                        # some six minutes on a quiet machine
    python build_dataset.py --count 250 --seed 50 --out near.jsonl
    python benchmarks/speed.py --scale near.jsonl                     # and 1,000 samples against 10

A rollout is a scripted model (mockllm) that calls 20 tools and submits; the null task has the same agent, tools
and script, but neither files nor a grade. The floor of grading starts Python in the same sandbox, imports NumPy
and makes the graded calls to the same port. Building is measured cold; grading in a sandbox finds the variant that
was staged still held, as it does in a rollout. Where no Docker Engine answers, its lines are missing.
"""

import argparse
import json
import os
import pickle
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import count, islice
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from unittest.mock import patch

import numpy as np
from inspect_ai import Task, eval, task
from inspect_ai.agent import react
from inspect_ai.dataset import Sample
from inspect_ai.log import EvalLog, read_eval_log
from inspect_ai.model import Model, ModelOutput, ModelUsage, get_model
from inspect_ai.scorer import Target, includes
from inspect_ai.solver import Generate, Solver, TaskState, solver
from inspect_ai.tool import bash, python
from inspect_ai.util import sandbox

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from baselines.recover import port  # noqa: E402
from reference.variants import build, load  # noqa: E402

from baselines.vanilla import vanilla  # noqa: E402
from build_dataset import certified_row  # noqa: E402
from inspect_task import orphan_checkpoint  # noqa: E402
from reference.transformer import forward  # noqa: E402
from scorers.parity import parity  # noqa: E402

ROWS = [json.loads(line) for line in (ROOT / "dataset.jsonl").read_text().splitlines()]
ROW = ROWS[1]
PORT = port(load(ROW)[0], "The lost model's own code.")
TOOL_CALLS = 20
FLOOR = """
import pickle, sys
import numpy as np
calls = pickle.load(sys.stdin.buffer)
sys.path.insert(0, "")
import model
for weights, tokens in calls:
    np.asarray(model.forward(weights, tokens))
"""


def seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def in_turn(repeats: int, *runs: Callable[[], object]) -> list[float]:
    """Median seconds of each, run in turn."""
    return [median(times) for times in zip(*[[*map(seconds, runs)] for _ in range(repeats)])]


def say(what: str, cost: float, floor: float, unit: str = "s") -> None:
    print(f"| {what} | {cost:.3g} {unit} | {floor:.3g} {unit} | {cost / floor:.2f} |", flush=True)


# On the host


def host(row: dict) -> None:
    a, ((weights, tokens, _), *probes) = load(row)
    answer = np.concatenate([logits.ravel() for *_, logits in probes])

    def cold() -> list[tuple]:
        build.cache_clear()
        return load(row)[1]

    def scorer_side() -> None:  # what scorers/parity.py does but for the sandbox
        _, *calls = cold()
        truth = np.concatenate([logits.ravel() for *_, logits in calls])
        pickle.dumps([(w, t) for w, t, _ in calls])
        np.nan_to_num(abs(answer - truth), nan=np.inf).max()

    built, traces, side, graded = in_turn(
        15,
        cold,
        lambda: forward(weights, tokens, a),
        scorer_side,
        lambda: [forward(w, t, a) for w, t, _ in probes],
    )
    k = row["departures"]
    say(f"build a variant of {k} / reference on its traces", built, traces)
    say(f"grade one of {k}, host's side / reference on the graded calls", side, graded)


def certified_per_minute(k: int, rows: int = 12) -> float:
    """On one core, with the candidates that are rejected."""
    seeds = (certified_row(seed, k, False) for seed in count(900_000_000))
    return 60 * rows / seconds(lambda: list(islice(filter(None, seeds), rows)))


# In a sandbox


@solver
def grade_and_floor(times: list[tuple[float, float]], repeats: int) -> Solver:
    """Grades model.py, and runs it as barely as can be, in turn."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        await sandbox().write_file("model.py", PORT)
        _, (_, *probes) = load(state.metadata)
        job, grade = pickle.dumps([(w, tokens) for w, tokens, _ in probes]), parity()
        for _ in range(repeats):
            start = time.perf_counter()
            assert (await grade(state, Target(""))).as_int() == 1
            graded = time.perf_counter()
            assert (await sandbox().exec(["python", "-c", FLOOR], job)).success
            times.append((graded - start, time.perf_counter() - graded))
        return state

    return solve


@task
def null() -> Task:
    return Task(
        dataset=[Sample(input="Nothing to do.", target="done", id="null")],
        solver=react(tools=[bash(300), python(300)], truncation="auto"),
        scorer=includes(),
        sandbox=("docker", str(ROOT / "compose.yaml")),
        message_limit=400,
    )


def scripted() -> Model:
    """Writes a port, calls other tools, and submits."""
    write = ("python", {"code": f"open('model.py', 'w').write({PORT!r})"})
    look = ("python", {"code": "import numpy as np; print(np.linalg.svd(np.eye(64))[1][0])"})
    script = [write, *[look, ("bash", {"command": "ls -l"})] * TOOL_CALLS][:TOOL_CALLS]
    script.append(("submit", {"answer": "done"}))

    def answer(messages, tools, choice, config):
        said = sum(message.role == "assistant" for message in messages)
        output = ModelOutput.for_tool_call("mockllm/model", *script[said])
        output.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
        return output

    return get_model("mockllm/model", custom_outputs=answer, memoize=False)


def run(tasks: Task, log_dir: str, **options) -> EvalLog:
    (log,) = eval(tasks, log_dir=log_dir, display="none", **options)
    assert log.status == "success", log.error
    return read_eval_log(log.location)


def rollout(task_: Task, log_dir: str, **options) -> float:
    (sample,) = run(task_, log_dir, model=scripted(), **options).samples or []
    assert sum(event.event == "tool" for event in sample.events) == TOOL_CALLS + 1
    return sample.total_time or 0.0


def in_sandbox(name: str, repeats: int = 9, **options) -> None:
    """Grading against its floor, and a rollout against the null task's."""

    def ours() -> Task:
        return orphan_checkpoint(departures=ROW["departures"])

    with TemporaryDirectory() as folder, patch.dict(os.environ):
        if name == "local":  # its tools start login shells: the user's profile must not count
            (Path(folder) / ".bash_profile").write_text(f"PATH={Path(sys.executable).parent}:$PATH")
            os.environ["HOME"] = folder
        times: list[tuple[float, float]] = []
        measured = grade_and_floor(times, repeats)
        run(ours(), folder, solver=measured, model="mockllm/model", **options)
        say(f"{name}: grade a port / start Python and run it", *map(median, zip(*times)))
        pairs = [[rollout(t, folder, **options) for t in (ours(), null())] for _ in range(repeats)]
        say(f"{name}: rollout of {TOOL_CALLS} tool calls / null task's", *map(median, zip(*pairs)))


# Many samples


def scale(dataset: Path) -> None:
    """Peak memory of the runner, seconds and log bytes per sample, of 1,000 samples and of 10, in a process each."""
    found = []
    for samples in (1000, 10):
        command = [sys.executable, __file__, "--samples", str(samples), "--scale", str(dataset)]
        found.append(json.loads(subprocess.check_output(command).splitlines()[-1]))
    for (what, unit), many, few in zip(
        [("peak memory", "MiB"), ("time of a sample", "s"), ("log of a sample", "kB")], *found
    ):
        say(f"{what}, of 1,000 samples / of 10", many, few, unit)


def sampled(dataset: Path, samples: int) -> None:
    everything = orphan_checkpoint(dataset=str(dataset.absolute()))
    options = {"sandbox": "local", "model": "mockllm/model", "solver": vanilla()}
    with TemporaryDirectory() as folder:
        start = time.perf_counter()
        (log,) = eval(everything, log_dir=folder, display="none", limit=samples, **options)
        spent = time.perf_counter() - start
        assert log.results and log.results.completed_samples == samples
        size = Path(log.location.removeprefix("file://")).stat().st_size
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps([peak, spent / samples, size / samples / 1000]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scale", type=Path, metavar="DATASET", help="a dataset of 1,000 rows")
    parser.add_argument("--samples", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.samples:
        return sampled(options.scale, options.samples)
    print("| what / its floor | takes | floor | ratio |\n|---|---|---|---|")
    for row in (ROWS[0], ROWS[-1]):
        host(row)
    in_sandbox("local", sandbox="local")
    if subprocess.run(["docker", "info"], capture_output=True).returncode == 0:
        in_sandbox("Docker")
    if options.scale:
        scale(options.scale)
    rates = {row["departures"]: certified_per_minute(row["departures"]) for row in ROWS}
    print(
        "\nCertified variants per minute on one core: "
        + ", ".join(f"{rate:.0f} with {k} departures" for k, rate in rates.items())
    )


if __name__ == "__main__":
    main()
