"""What the task costs beside the least that it could cost: the table of docs/performance.md."""

import os
import sys
from pathlib import Path
from pickle import dumps
from statistics import median
from subprocess import check_output
from tempfile import TemporaryDirectory
from timeit import default_timer, timeit

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from inspect_ai import eval, model, util
from inspect_ai.solver import solver

from guards.arguments import ROOT, read_rows
from identification.port import Architecture, port
from inspect_task import load, orphan_checkpoint, parity
from reference.variant import build, forward

ROW = read_rows(ROOT / "dataset.jsonl")[1]
CALLS = dumps([(call.weights, call.tokens) for call in load(ROW)[1:]])
FLOOR = "import model, pickle, sys; [model.forward(*job) for job in pickle.load(sys.stdin.buffer)]"
ORIGINAL = Architecture(**ROW.architecture)
WRITE = ("python", {"code": f"open('model.py', 'w').write({port(ORIGINAL, '')!r})"})
NUMPY = ("bash", {"command": f"PATH={sys.prefix}/bin:$PATH python3 -c 'import numpy'"})
LOOK = ("bash", {"command": "ls -l"})
SCRIPT = [WRITE, *[NUMPY, LOOK] * 9, NUMPY, ("submit", {"answer": "done"})]
USAGE = {"usage": model.ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)}
START = f"inspect eval {ROOT}/inspect_task.py@orphan_checkpoint --solver {__file__}@stop"
START += " --model none --sandbox local --display none -T dataset="


@solver
def stop():
    async def solve(state, generate):
        os._exit(0)  # the first sample has its files: it is the agent's turn

    return solve


def start(folder, count):
    """Seconds until the first of so many rows has its files."""
    rows = [ROW.model_copy(update={"id": f"row-{n}"}).model_dump_json() for n in range(count)]
    Path(folder, "rows.jsonl").write_text("\n".join(rows))
    return timeit(lambda: check_output(f"{START}{folder}/rows.jsonl".split()), number=1)


def rollout(where, null):
    """Seconds of a rollout, for the null task without files and grade; of a grade; of its floor."""
    task, times = orphan_checkpoint(departures=2), []

    async def grade_again(state):
        times.append(default_timer())
        score = await parity()(state, state.target)
        times.append(default_timer())
        floor = await util.sandbox().exec(["python", "-c", FLOOR], CALLS)
        times.extend([default_timer()] * (score.value == floor.success == 1))

    task.cleanup = grade_again
    if null:
        task.setup = task.scorer = None
    said = [model.ModelOutput.for_tool_call("", *call).model_copy(update=USAGE) for call in SCRIPT]
    scripted = model.get_model("mockllm/model", custom_outputs=said, memoize=False)
    (log,) = eval(task, model=scripted, sandbox=where, display="none")
    start, graded, end = times
    return log.samples[0].total_time - (end - start), graded - start, end - graded


def lines(folder):
    """What is measured beside what, the ratio that it may have, and the seconds of both."""
    weights, tokens, _ = load(ROW)[0]
    built = timeit(lambda: build.__wrapped__(ROW.seed, ROW.number, ORIGINAL), number=1)
    reference = timeit(lambda: forward(weights, tokens, ORIGINAL), number=1)
    yield "build a variant / reference on its traces", "", built, reference
    yield "start, 20,000 rows / 10 rows", 2, start(folder, 20_000), start(folder, 10)
    for name, where in {"Docker": None, "local": "local"}.items():
        (whole, grade, floor), (null, *_) = rollout(where, False), rollout(where, True)
        yield f"{name}: grade / floor", 1.5, grade, floor
        yield f"{name}: rollout / null task", 1.25, whole, null


if __name__ == "__main__":
    with TemporaryDirectory() as folder:
        os.environ |= {"INSPECT_LOG_DIR": folder, "TMPDIR": folder, "OPENBLAS_NUM_THREADS": "1"}
        runs = [[*lines(folder)] for _ in range(int(os.environ.get("REPEATS", 9)))]
    print("| what / beside what | seconds | beside | ratio | at most |\n|---|---|---|---|---|")
    for (what, *_), (limit, *_), *both in (zip(*repeats) for repeats in zip(*runs)):
        cost, floor = map(median, both)
        print(f"| {what} | {cost:.3g} | {floor:.3g} | {cost / floor:.2f} | {limit} |")
