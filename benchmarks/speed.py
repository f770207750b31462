"""What the task costs beside what it cannot do without, as ratios of medians measured side by side.

    python benchmarks/speed.py                 # about three minutes; Docker's part where an engine answers
    python benchmarks/speed.py --scale train.jsonl   # and the runner's memory and time at 10 and 1,000 samples

Both sides of a ratio take turns in one process on one machine. A rollout is a scripted model (mockllm) that
calls 20 tools and submits; the null task has the same agent, tools and script, but no files, and grades nothing.
"""

import argparse
import json
import pickle
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
from inspect_ai import Task, eval, task
from inspect_ai.agent import react
from inspect_ai.dataset import Sample
from inspect_ai.log import EvalLog, read_eval_log
from inspect_ai.model import ModelOutput, ModelUsage, get_model
from inspect_ai.scorer import Target, includes
from inspect_ai.solver import Generate, Solver, TaskState, solver
from inspect_ai.tool import bash, python
from inspect_ai.util import sandbox

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from baselines.recover import port  # noqa: E402
from build_dataset import nearest  # noqa: E402
from inspect_task import orphan_checkpoint  # noqa: E402
from reference.transformer import forward  # noqa: E402
from reference.variants import load  # noqa: E402
from scorers.parity import parity  # noqa: E402

ROWS = [json.loads(line) for line in (ROOT / "dataset.jsonl").read_text().splitlines()]
ROW = ROWS[1]
TOOL_CALLS = 20
PORT = port(load(ROW)[0], "The lost model's own code.")
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


def say(what: str, cost: float, floor: float, unit: str = "ms") -> None:
    scale = {"ms": 1e3, "s": 1, "MiB": 1}[unit]
    print(f"{what:62}{cost * scale:9.1f} {unit:4}{floor * scale:9.1f} {unit:4}{cost / floor:6.2f}x")


# On the host


def host(row: dict) -> None:
    """Building a variant, and the scorer's arithmetic, against forwards of the reference."""
    a, ((weights, tokens, _), *probes) = load(row)
    answer = np.concatenate([logits.ravel() for *_, logits in probes])

    def scorer_side():
        _, (_, *calls) = load(row)
        truth = np.concatenate([logits.ravel() for *_, logits in calls])
        pickle.dumps([(w, t) for w, t, _ in calls])
        return np.nan_to_num(abs(answer - truth), nan=np.inf).max()

    build, traces, side, probe, certify = in_turn(
        5,
        lambda: load(row),
        lambda: forward(weights, tokens, a),
        scorer_side,
        lambda: [forward(w, t, a) for w, t, _ in probes],
        lambda: nearest(a, (weights, tokens, load(row)[1][0][2])),
    )
    name = f"{row['departures']} departures: "
    say(name + "build a variant / forward of its traces", build, traces)
    say(name + "scorer on the host / forward of the probes", side, probe)
    print(f"{name}certified variants per minute on one core: {60 / certify:.0f}")


# In a sandbox


@solver
def grade_and_floor(times: list[tuple[float, float]], repeats: int) -> Solver:
    """Grades model.py, and runs it as barely as can be, in turn."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        await sandbox().write_file("model.py", PORT)
        _, (_, *probes) = load(state.metadata)
        job = pickle.dumps([(weights, tokens) for weights, tokens, _ in probes])
        for _ in range(repeats):
            start = time.perf_counter()
            await parity()(state, Target(""))
            graded = time.perf_counter()
            await sandbox().exec(["python", "-c", FLOOR], job)
            times.append((graded - start, time.perf_counter() - graded))
        return state

    return solve


@task
def null() -> Task:
    """The same agent and tools, without files, and with a grade that costs nothing."""
    return Task(
        dataset=[Sample(input="Nothing to do.", target="done", id="null")],
        solver=react(tools=[bash(300), python(300)], truncation="auto"),
        scorer=includes(),
        sandbox=("docker", str(ROOT / "compose.yaml")),
        message_limit=400,
    )


def scripted():
    """A model that writes a port, calls tools, and submits."""
    write = ("python", {"code": f"open('model.py', 'w').write({PORT!r})"})
    look = ("python", {"code": "import numpy as np; print(np.linalg.svd(np.ones((64, 64)))[1][0])"})
    script = [write, *[look, ("bash", {"command": "ls -l"})] * (TOOL_CALLS // 2)][:TOOL_CALLS]

    def answer(messages, tools, choice, config):
        said = sum(message.role == "assistant" for message in messages)
        name, arguments = [*script, ("submit", {"answer": "done"})][min(said, TOOL_CALLS)]
        output = ModelOutput.for_tool_call("mockllm/model", name, arguments)
        output.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
        return output

    return get_model("mockllm/model", custom_outputs=answer, memoize=False)


def run(tasks, log_dir: str, **options) -> list[EvalLog]:
    logs = eval(tasks, log_dir=log_dir, display="none", max_samples=1, **options)
    assert all(log.status == "success" for log in logs), [log.error for log in logs]
    return [read_eval_log(log.location) for log in logs]


def in_sandbox(kind: str | None, repeats: int = 5) -> None:
    """Grading against its floor, and a rollout against the null task's."""
    name, options = kind or "docker", {"sandbox": kind} if kind else {}
    with tempfile.TemporaryDirectory() as folder:
        times: list[tuple[float, float]] = []
        task_ = orphan_checkpoint(departures=ROW["departures"])
        measured = grade_and_floor(times, 2 * repeats)
        run(task_, folder, solver=measured, model="mockllm/model", **options)
        say(f"{name}: grade a port / start Python, NumPy and it", *map(median, zip(*times)))
        logs = [
            run(
                [orphan_checkpoint(departures=ROW["departures"]), null()],
                folder,
                model=scripted(),
                **options,
            )
            for _ in range(repeats)
        ]
        ours, nulls = (median(log[n].samples[0].total_time for log in logs) for n in (0, 1))
        say(f"{name}: rollout of {TOOL_CALLS} tool calls / the null task's", ours, nulls, "s")


# Many samples


def scale(dataset: str) -> None:
    """Peak memory of the runner, time and log bytes per sample, at 10 and 1,000 samples, each in a process."""
    found = {}
    for samples in (10, 1000):
        command = [sys.executable, __file__, "--samples", str(samples), "--scale", dataset]
        found[samples] = json.loads(subprocess.check_output(command).splitlines()[-1])
    few, many = found[10], found[1000]
    say("1,000 samples / 10: peak memory of the runner", many["MiB"], few["MiB"], "MiB")
    say("1,000 samples / 10: time per sample", many["seconds"], few["seconds"])
    print(f"log bytes per sample: {many['bytes']:.0f} at 1,000, {few['bytes']:.0f} at 10")


def sampled(dataset: str, samples: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        task_ = orphan_checkpoint(dataset=str(Path(dataset).absolute()))
        options = {"sandbox": "local", "model": "mockllm/model", "limit": samples}
        start = time.perf_counter()
        (log,) = eval(
            task_,
            solver=str(ROOT / "baselines/vanilla.py") + "@vanilla",
            log_dir=folder,
            display="none",
            **options,
        )
        spent = time.perf_counter() - start
        size = Path(log.location.removeprefix("file://")).stat().st_size
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"MiB": peak, "seconds": spent / samples, "bytes": size / samples}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scale", metavar="DATASET", help="1,000 rows of build_dataset.py")
    parser.add_argument("--samples", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.samples:
        return sampled(options.scale, options.samples)
    if options.scale:
        return scale(options.scale)
    print(f"{'':62}{'cost':>13}{'floor':>13}{'ratio':>7}")
    for row in ROWS:
        host(row)
    in_sandbox("local")
    if subprocess.run(["docker", "info"], capture_output=True).returncode == 0:
        in_sandbox(None)
    else:
        print("docker: no engine answers")


if __name__ == "__main__":
    main()
