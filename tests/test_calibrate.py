"""calibrate.py from its command to its sentence: with a solver whose find rates are known, killed, and with prices."""

import json
import math
import os
import re
import signal
import subprocess
import sys
from argparse import Namespace
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from inspect_ai.log import list_eval_logs, read_eval_log_samples

from calibrate import affordable, known
from difficulty.choose import BAND, SIZE
from tests.finder import find_rate
from tests.harness import SUBMIT, WRONG, containers_and_networks, write
from tests.made_logs import attempts, log, save
from tests.messages_api import Hold, MessagesAPI

pytestmark = pytest.mark.long
ROOT = Path(__file__).parents[1]
FINDER = ["--model", "none", "--sandbox", "local", "--solver", "tests/finder.py@finder"]
SENTENCE = re.compile(r"passes the (\d+) variants of .* (\d+)% of the time \(95%: (\d+)%–(\d+)%;")


def start(*arguments: str | Path, **environment: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "calibrate.py", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(process: subprocess.Popen) -> str:
    output, _ = process.communicate(timeout=900)
    assert process.returncode == 0, output
    return output


def samples(out: Path) -> list:
    logs = list_eval_logs(str(out / "logs"), descending=False)
    return [s for log in logs for s in read_eval_log_samples(log, all_samples_required=False)]


def dataset(out: Path) -> list[dict]:
    return [json.loads(line) for line in (out / "dataset.jsonl").read_text().splitlines()]


def test_from_a_model_to_a_dataset_in_the_band(tmp_path):
    """Killed in its third round; the second start goes on. The true rate is in the band and in the interval."""
    command = [*FINDER, "--attempts", "48", "--out", tmp_path, "-S", "mean=0.7"]
    process = start(*command)
    while "16 attempts" not in process.stdout.readline() and process.poll() is None:
        pass
    process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    before = {sample.uuid for sample in samples(tmp_path) if sample.scores}
    assert len(before) >= 14

    output = finish(start(*command))
    scored = [sample for sample in samples(tmp_path) if sample.scores]
    assert before <= {sample.uuid for sample in scored}
    assert set(Counter(sample.id for sample in scored).values()) == {1}
    assert len(scored) <= 48

    number, _, low, high = map(int, SENTENCE.search(output).groups())
    rows = dataset(tmp_path)
    assert len(rows) == number == SIZE
    finds = [[find_rate(n, 0.7, 1) for n in row["architecture"] if n != "heads"] for row in rows]
    rate = float(np.mean([np.prod(rates) for rates in finds]))
    assert BAND[0] <= rate <= BAND[1]
    assert low - 3 <= 100 * rate <= high + 3
    assert (tmp_path / "report").is_dir()

    other = start(*FINDER, "--attempts", "48", "--out", tmp_path, "-S", "mean=0.2")
    said, _ = other.communicate(timeout=100)
    assert other.returncode == 1 and "give another --out" in said.splitlines()[-1]


@pytest.mark.parametrize(
    "arguments, says",
    [
        ([], "--budget (US dollars) or --attempts"),
        (["--attempts", "8", "--band", "0.4", "0.1"], "--band is two rates, the lower one first"),
        (["--attempts", "8", "--max-samples", "0"], "--max-samples is 1 or more"),
        (["--attempts", "8", "-T", "departures=2"], "the variants are drawn here: leave -T out"),
        (["--attempts", "8", "-Tdepartures=2"], "the variants are drawn here: leave -T out"),
        (["--attempts", "8", "--out", "report.py"], "--out is a file: give a folder"),
        (["--budget", "-1"], "--budget (US dollars) or --attempts, more than 0"),
        (["--attempts", "8", "--temperature"], "Invalid value for '--temperature'"),
        (["--attempts", "8", "--no-such-option"], "No such option"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(arguments, says, tmp_path):
    process = start("--model", "none", "--out", tmp_path, *arguments)
    output, _ = process.communicate(timeout=100)
    assert process.returncode == 2
    assert says in output.splitlines()[-1]
    assert not list((tmp_path / "logs").glob("*"))


def test_attempts_of_two_models_are_no_calibration(tmp_path):
    """A --model may be a list."""
    for model in ("mockllm/a", "mockllm/b"):
        made = log(attempts(1, epochs=2), model=model, metadata={"options": "sha256-0"})
        save(made, tmp_path / f"{model[-1]}.eval")
    with pytest.raises(SystemExit, match="of more than one model: give one, and another --out"):
        known(str(tmp_path), "sha256-0")


def test_a_file_of_options_counts_by_its_content(tmp_path):
    """As report.py exports them: of another model, under the same name."""
    config = tmp_path / "run.json"
    solver = {"solver": "tests/finder.py@finder", "args": {"mean": 0.7}}
    chosen = {"limit": None, "sample_id": None, "epochs": 3}
    run = {"model": "none", "sandbox": "local", "solver": solver, "eval_config": chosen}
    run["task"] = {"task": "inspect_task.py", "args": {"departures": 2}}
    command = ["--run-config", config, "--attempts", "2", "--out", tmp_path]
    config.write_text(json.dumps(run))
    said = finish(start(*command))
    assert SENTENCE.search(said) and "mean=0.7" in said.splitlines()[-1]
    assert len(samples(tmp_path)) == 2
    config.write_text(json.dumps(run | {"model": "mockllm/model"}))
    process = start(*command)
    said, _ = process.communicate(timeout=100)
    assert process.returncode == 1 and "give another --out" in said.splitlines()[-1]


def test_a_budget_needs_prices(tmp_path):
    process = start(*FINDER, "--budget", "1", "--out", tmp_path)
    output, _ = process.communicate(timeout=200)
    assert process.returncode != 0
    assert "cost" in output and not samples(tmp_path)


@pytest.mark.parametrize(
    "dollars, budget, attempts, size",
    [
        ([], 5, math.inf, 1),  # the first attempt tells the price
        ([0.5], 5, math.inf, 8),
        ([1, 1, 1], 5.5, math.inf, 2),
        ([1, 1, 1], 3.1, math.inf, 1),  # what is left is spent, at most an attempt too much
        ([1, 1, 1], 3, math.inf, 0),
        ([1, 3], 1, math.inf, 0),
        ([1, 1], 100, 5, 3),
        ([None, None], math.inf, 5, 3),
        ([None] * 5, math.inf, 5, 0),
        ([], math.inf, 80, 8),
    ],
)
def test_no_more_attempts_than_can_be_paid_run_at_once(dollars, budget, attempts, size):
    options = Namespace(budget=budget, attempts=attempts, max_samples=8)
    assert affordable(pd.DataFrame({"US dollars": dollars}), options) == size


def test_the_budget_holds_also_when_killed(docker, tmp_path):
    """The client against a loopback service: a first attempt tells the price, a start is killed while attempts wait for an
    answer, and the next one spends what is left."""
    attempt = [write({"model.py": WRONG}), SUBMIT]
    command = ["--model", "anthropic/claude-haiku-4-5", "--max-samples", "2", "--out", tmp_path]
    settings = {"ANTHROPIC_API_KEY": "dummy", "NO_PROXY": "127.0.0.1"}

    def costs() -> list[float]:
        return [sum(u.total_cost for u in s.model_usage.values()) for s in samples(tmp_path)]

    with MessagesAPI(attempt) as api:
        settings["ANTHROPIC_BASE_URL"] = api.url
        said = finish(start(*command, "--budget", "0.000001", **settings))
        assert "Not certain yet" in said and re.search(r"by 1 attempts, 0\.\d+ dollars", said)
        (price,) = costs()
    with MessagesAPI(attempt, attempt, [attempt[0], Hold(), *attempt]) as api:
        settings["ANTHROPIC_BASE_URL"] = api.url
        before_it = containers_and_networks(docker)
        process = start(*command, "--budget", f"{5.5 * price}", **settings)
        assert api.held.acquire(timeout=300)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        for kind, name in sorted(containers_and_networks(docker) - before_it):
            docker(kind, "rm", "--force", name)  # what kill -9 leaves behind
        before = {sample.uuid for sample in samples(tmp_path) if sample.scores}
        assert len(before) >= 3
    with MessagesAPI(attempt) as api:
        settings["ANTHROPIC_BASE_URL"] = api.url
        finish(start(*command, "--budget", f"{5.5 * price}", **settings))
    scored = [sample for sample in samples(tmp_path) if sample.scores]
    assert before < {sample.uuid for sample in scored}
    assert set(Counter(sample.id for sample in scored).values()) == {1}
    assert 5.5 * price <= sum(costs()) <= (5.5 + 2) * price * 1.1
