"""What the task costs beside the least that it could cost: prints the table of docs/performance.md."""

import os
import sys
from pathlib import Path
from pickle import dumps
from statistics import median
from subprocess import check_output
from tempfile import TemporaryDirectory
from timeit import default_timer, timeit

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from inspect_ai import eval, model, util  # noqa: E402
from inspect_ai.solver import solver  # noqa: E402

from identification.port import Architecture, port  # noqa: E402
from inspect_task import Row, load, orphan_checkpoint, parity  # noqa: E402
from reference.variant import build, forward  # noqa: E402

REPEATS = range(int(os.environ.get("REPEATS", 9)))
ROWS = [Row.model_validate_json(line) for line in (ROOT / "dataset.jsonl").open("rb")]
PORT = port(Architecture(**ROWS[1].architecture), "The original.")
CALLS = dumps([(call.weights, call.tokens) for call in load(ROWS[1])[1:]])
WRITE = ("python", {"code": f"open('model.py', 'w').write({PORT!r})"})
NUMPY = ("bash", {"command": f"PATH={sys.prefix}/bin:$PATH python3 -c 'import numpy'"})
LOOK = ("bash", {"command": "ls -l"})
SCRIPT = [WRITE, *[NUMPY, LOOK] * 9, NUMPY, ("submit", {"answer": "done"})]
USAGE = {"usage": model.ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)}
FLOOR = "import model, pickle, sys; [model.forward(*job) for job in pickle.load(sys.stdin.buffer)]"
START = f"inspect eval {ROOT}/inspect_task.py@orphan_checkpoint --solver {__file__}@stop"
START += " --model mockllm/model --sandbox local --display none -T dataset="


def show(what, limit, pairs):
    cost, floor = map(median, zip(*pairs))
    print(f"| {what} | {cost:.3g} | {floor:.3g} | {cost / floor:.2f} | {limit} |", flush=True)


def seconds(function, *arguments):
    return timeit(lambda: function(*arguments), number=1)


@solver
def stop():
    async def solve(state, generate):
        os._exit(0)  # the first sample has its files: it is the agent's turn

    return solve


def rollout(where, null):
    """Seconds of a rollout, of which the null task has neither files nor grade; of a grade; of its floor."""
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


if __name__ == "__main__":
    print("| what / beside what | seconds | beside | ratio | at most |\n|---|---|---|---|---|")
    for row in ROWS[1], ROWS[3]:
        arch, traces = Architecture(**row.architecture), load(row)[0]
        sides = (build.__wrapped__, row.seed, row.number, arch), (forward, *traces[:2], arch)
        pairs = [[seconds(*side) for side in sides] for _ in REPEATS]
        show(f"build a variant of {row.departures} / reference on its traces", "", pairs)
    with TemporaryDirectory() as folder:
        os.environ |= {"INSPECT_LOG_DIR": folder, "TMPDIR": folder, "OPENBLAS_NUM_THREADS": "1"}
        for count in (10, 20_000):
            new = [{"id": f"row-{n}", "number": ROWS[0].number + n} for n in range(count)]
            rows = [ROWS[0].model_copy(update=one).model_dump_json() for one in new]
            Path(folder, f"{count}.jsonl").write_text("\n".join(rows))
        sides = [f"{START}{folder}/{count}.jsonl".split() for count in (20_000, 10)]
        pairs = [[seconds(check_output, side) for side in sides] for _ in REPEATS]
        show("start to first sample, 20,000 rows / 10 rows", 2, pairs)
        for name, where in {"Docker": None, "local": "local"}.items():
            runs = [(rollout(where, False), rollout(where, True)) for _ in REPEATS]
            show(f"{name}: grade / floor", 1.5, [times[1:] for pair in runs for times in pair])
            show(f"{name}: rollout / null task", 1.25, [(run[0], null[0]) for run, null in runs])
