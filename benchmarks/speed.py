"""What the task costs beside what it cannot cost less than: prints the table of docs/performance.md."""

import os
import subprocess
import sys
from pathlib import Path
from pickle import dumps
from statistics import median
from tempfile import TemporaryDirectory
from timeit import default_timer, timeit

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from inspect_ai import eval as run_eval  # noqa: E402
from inspect_ai.model import ModelOutput, ModelUsage, get_model  # noqa: E402
from inspect_ai.util import sandbox  # noqa: E402

from identification.port import Architecture, port  # noqa: E402
from inspect_task import Row, load, orphan_checkpoint, parity  # noqa: E402
from reference.variant import build, forward  # noqa: E402

REPEATS = range(int(os.environ.get("REPEATS", 9)))
ROWS = [Row.model_validate_json(line) for line in (ROOT / "dataset.jsonl").open("rb")]
PORT = port(Architecture(**ROWS[1].architecture), "The original.")
JOB = dumps([(call.weights, call.tokens) for call in load(ROWS[1])[1:]])
LOOK = ("python", {"code": "import numpy as np; print(np.linalg.svd(np.eye(64))[1][0])"})
SCRIPT = [("python", {"code": f"open('model.py', 'w').write({PORT!r})"})]
SCRIPT += [LOOK, ("bash", {"command": "ls -l"})] * 9 + [LOOK, ("submit", {"answer": "done"})]
USAGE = {"usage": ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)}
FLOOR = """import pickle, sys, numpy, model
for weights, tokens in pickle.load(sys.stdin.buffer):
    numpy.asarray(model.forward(weights, tokens))"""
START = """import os, sys, inspect_task, inspect_ai.model
model = inspect_ai.model.get_model("mockllm/model", custom_outputs=lambda *_: os._exit(0))
task = inspect_task.orphan_checkpoint(dataset=sys.argv[1])
inspect_ai.eval(task, model=model, sandbox="local", display="none")"""
FIRST_VERSION = "git archive --prefix first/ 1988618 | tar -x -C "


def show(what: str, pairs: list, limit: float | str = "") -> None:
    cost, floor = map(median, zip(*pairs))
    print(f"| {what} | {cost:.3g} | {floor:.3g} | {cost / floor:.2f} | {limit} |", flush=True)


def seconds(function, *arguments) -> float:
    return timeit(lambda: function(*arguments), number=1)


def python(*arguments: object, folder: Path = ROOT) -> None:
    subprocess.run([sys.executable, *map(str, arguments)], cwd=folder, check=True)


def rollout(where: str | None, null: bool = False) -> tuple[float, float, float]:
    """Seconds of an attempt at row 2, of which the null task has neither files nor grade; then of a grade and its floor."""
    task, times = orphan_checkpoint(departures=2), []
    if null:
        task.setup = task.scorer = None

    async def grade_again(state):
        times.append(default_timer())
        score = await parity()(state, state.target)
        times.append(default_timer())
        floor = await sandbox().exec(["python", "-c", FLOOR], JOB)
        times.append(default_timer() if score.value == floor.success == 1 else None)

    task.cleanup = grade_again
    said = [ModelOutput.for_tool_call("", *call).model_copy(update=USAGE) for call in SCRIPT]
    model = get_model("mockllm/model", custom_outputs=said, memoize=False)
    (log,) = run_eval(task, model=model, sandbox=where, display="none")
    start, graded, end = times
    return log.samples[0].total_time - (end - start), graded - start, end - graded


def certified_per_minute(folder: Path, departures: int, seed: int) -> float:
    command = ["build_dataset.py", "--departures", departures, "--seed", seed, "--out", "/dev/null"]
    one, more = (seconds(lambda: python(*command, "--count", n, folder=folder)) for n in (1, 21))
    return 60 * 20 / (more - one)


def main(folder: Path) -> None:
    print("| what / beside what | takes | beside | ratio | at most |\n|---|---|---|---|---|")
    for row in (ROWS[1], ROWS[3]):
        arch, (traces, *_) = Architecture(**row.architecture), load(row)
        both = (build.__wrapped__, row.seed, row.number, arch), (forward, *traces[:2], arch)
        pairs = [[seconds(*side) for side in both] for _ in REPEATS]
        show(f"build a variant of {row.departures} / reference on its traces, s", pairs)
    ids = [{"id": f"row-{n}", "number": ROWS[0].number + n} for n in range(20_000)]
    rows = [ROWS[0].model_copy(update=new).model_dump_json() + "\n" for new in ids]
    (folder / "20000").write_text("".join(rows))
    (folder / "10").write_text("".join(rows[:10]))
    sides = [(python, "-c", START, folder / n) for n in ("20000", "10")]
    pairs = [[seconds(*side) for side in sides] for _ in REPEATS]
    show("start to the agent's first turn, of 20,000 rows / of 10, s", pairs, 2)
    (folder / ".bash_profile").write_text(f"PATH={Path(sys.executable).parent}:$PATH")
    for where in (None, "local"):
        if where:  # its tools start login shells: here they find this Python
            os.environ["HOME"] = str(folder)
        runs = [(rollout(where), rollout(where, null=True)) for _ in REPEATS]
        grades = [times[1:] for pair in runs for times in pair]
        show(f"{where or 'Docker'}: a grade / start Python and make its calls, s", grades, 1.5)
        pairs = [(ours[0], null[0]) for ours, null in runs]
        show(f"{where or 'Docker'}: rollout of 20 tool calls / null task's, s", pairs, 1.25)
    subprocess.run(FIRST_VERSION + str(folder), shell=True, check=True, cwd=ROOT)
    os.sched_setaffinity(0, {0})  # one core
    for departures in (2, 8):
        versions = (ROOT, folder / "first")
        pairs = [[certified_per_minute(at, departures, n) for at in versions] for n in REPEATS]
        show(f"certified a minute, {departures} departures / first version", pairs)


if __name__ == "__main__":
    with TemporaryDirectory() as name:
        os.environ |= {"INSPECT_LOG_DIR": name, "TMPDIR": name, "OPENBLAS_NUM_THREADS": "1"}
        main(Path(name))
