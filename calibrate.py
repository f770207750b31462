"""Finds, for a model, a dataset that it passes 10–40% of the time.

    python calibrate.py --model anthropic/claude-haiku-4-5 --budget 5
    python calibrate.py --model none --attempts 80 --sandbox local --solver baselines/search.py@search -S knowledge=0.8

Runs a few variants, learns from them how often the model finds each departure, draws variants that it should pass
about a quarter of the time, runs them, and so on, until the dataset is in the band or the budget is spent. Stopped or
killed, the same command goes on: all it knows is in the logs. Other options of `inspect eval` are passed on as
`--name value`.
"""

import argparse
import secrets
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing import Pool
from pathlib import Path
from typing import Any

import numpy as np
import yaml  # type: ignore[import-untyped]
from inspect_ai import eval as run_eval
from inspect_ai import log as logs_of
from inspect_ai.solver import SolverSpec

from difficulty.band import BAND
from difficulty.choose import ROUND, Plan, Variant, candidates, in_band, plan
from difficulty.find_rates import Attempt
from inspect_task import orphan_checkpoint
from reference.rows import Row
from variants.certificate import certified_row

ROOT = Path(__file__).parent
TRIES = 8  # draws of the settings of a variant, until one is certified


@dataclass
class Known:
    """What the logs tell."""

    attempts: list[Attempt] = field(default_factory=list)
    started: int = 0
    """Attempts that cost something, scored or not."""
    dollars: float = 0.0
    rows: dict[Variant, Row] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{len(self.attempts)} attempts, {self.dollars:.2f} dollars"


def read_logs(folder: Path, metadata: dict[str, Any]) -> Known:
    """Finished samples of all logs, also of interrupted ones. Exits if a log has other metadata."""
    for crashed in logs_of.recoverable_eval_logs(str(folder)):
        logs_of.recover_eval_log(crashed.log.name, overwrite=True)
    known = Known()
    for log in logs_of.list_eval_logs(str(folder), descending=False):
        if logs_of.read_eval_log(log, header_only=True).eval.metadata != metadata:
            sys.exit(f"{log.name} is of another model or other options: give another --out")
        for sample in logs_of.read_eval_log_samples(log, all_samples_required=False):
            row = Row.model_validate(sample.metadata)
            known.rows[departures_of(row)] = row
            known.started += 1
            known.dollars += sum(usage.total_cost or 0 for usage in sample.model_usage.values())
            if score := (sample.scores or {}).get("parity"):
                passed, told = score.as_int() == 1, score.metadata or {}
                known.attempts.append(Attempt.from_log(sample.metadata, passed, told))
    return known


def departures_of(row: Row) -> Variant:
    return frozenset(row.architecture) - {"heads"}


def certify(pool, rows: dict[Variant, Row], variants: Sequence[Variant]) -> set[Variant]:
    """Adds a row for each variant that has none; returns those for which none is certified."""
    missing = [variant for variant in variants if variant not in rows]
    for variant, row in zip(missing, pool.map(first_certified, missing, chunksize=1)):
        if row:
            rows[variant] = row
    return set(missing) - rows.keys()


def first_certified(variant: Variant) -> Row | None:
    seed = secrets.token_hex(16)
    made = (certified_row(seed, number, len(variant), variant) for number in range(TRIES))
    return next(filter(None, made), None)


def affordable(known: Known, options: argparse.Namespace) -> int:
    """Attempts to run at once. With a budget the first runs alone: it tells what one costs."""
    sizes = [options.max_samples]
    if options.attempts:
        sizes.append(options.attempts - known.started)
    if options.budget:
        left, price = options.budget - known.dollars, known.dollars / max(known.started, 1)
        sizes.append(0 if left <= 0 else max(1, int(left / price)) if price else 1)
    return min(sizes)


def write(rows: Sequence[Row], path: Path) -> None:
    path.write_text("".join(f"{row.model_dump_json()}\n" for row in rows))


def run(rows: Sequence[Row], options: argparse.Namespace, settings: dict[str, Any]) -> None:
    """One attempt at each row, all at the same time."""
    write(rows, options.out / "round.jsonl")
    task = orphan_checkpoint(dataset=str((options.out / "round.jsonl").absolute()))
    (log,) = run_eval(task, **settings)
    if log.status != "success":
        sys.exit(f"{log.error.message if log.error else 'Stopped'}. The same command goes on.")
    errors = [sample.error.message for sample in log.samples or [] if sample.error]
    if not any(sample.scores for sample in log.samples or []):
        sys.exit(f"No attempt has a score: {errors[0]}")


def in_words(plans: Plan, band: tuple[float, float]) -> str:
    low, high = np.quantile(plans.rates, (0.025, 0.975))
    sure = in_band(plans.rates, band).mean()
    return (
        f"{plans.rates.mean():.0%} of the time (95%: {low:.0%}–{high:.0%}; "
        f"{sure:.0%} sure to be in {band[0]:.0%}–{band[1]:.0%})"
    )


def parse() -> tuple[argparse.Namespace, dict[str, Any]]:
    """Our options, and the arguments of Inspect's eval()."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True)
    parser.add_argument("--budget", type=float, help="US dollars, by the prices of costs.yaml")
    parser.add_argument("--attempts", type=int, help="at most so many, for what has no price")
    parser.add_argument("--band", type=float, nargs=2, default=BAND, help="pass rates (0.1 0.4)")
    parser.add_argument("--out", type=Path, default=Path("calibration"), help="folder")
    parser.add_argument("--max-samples", type=int, default=ROUND, help=f"at once ({ROUND})")
    parser.add_argument("--solver", help="FILE.py@NAME")
    parser.add_argument("-S", action="append", default=[], metavar="NAME=VALUE", help="of solver")
    parser.add_argument("-M", action="append", default=[], metavar="NAME=VALUE", help="of model")
    options, others = parser.parse_known_args()
    words = [word for other in others for word in other.split("=", 1)]
    names, values = words[::2], words[1::2]
    if len(names) != len(values) or not all(name.startswith("--") for name in names):
        parser.error(f"options of Inspect are given as --name value, not as {' '.join(others)}")
    if not (options.budget or options.attempts):
        parser.error("give --budget (US dollars) or --attempts")
    if not 0 <= options.band[0] < options.band[1] <= 1:
        parser.error("--band is two rates, the lower one first")
    passed_on = [f"{n[2:].replace('-', '_')}={value}" for n, value in zip(names, values)]
    solver = options.solver and SolverSpec(options.solver, pairs(options.S), pairs(options.S))
    settings = {
        "log_dir": str(options.out / "logs"),
        "log_buffer": 1,  # each sample is in the file as soon as it is done
        "display": "plain",
        "model_cost_config": str(ROOT / "costs.yaml"),
        "cost_limit": options.budget,  # of an attempt; Inspect then insists on prices
        "model": options.model,
        "model_args": pairs(options.M),
        "solver": solver,
        "max_samples": options.max_samples,
        "metadata": {"subject": [options.model, options.solver, options.S, options.M]},
        **pairs(passed_on),
    }
    return options, settings


def pairs(given: Sequence[str]) -> dict[str, Any]:
    split = (one.partition("=") for one in given)
    return {name: yaml.safe_load(value) for name, _, value in split}


def main() -> None:
    options, settings = parse()
    band, logs = tuple(options.band), options.out / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    rows: dict[Variant, Row] = {}
    variants = candidates(np.random.default_rng(0))
    with Pool(initializer=signal.signal, initargs=(signal.SIGINT, signal.SIG_IGN)) as pool:
        while True:
            known = read_logs(logs, settings["metadata"])
            rows |= known.rows
            plans, size = plan(known.attempts, variants, band), affordable(known, options)
            if known.attempts:
                print(f"{known}: the best dataset is passed {in_words(plans, band)}", flush=True)
            over = plans.settled or plans.hopeless or size <= 0
            wanted = plans.dataset if over else plans.next[:size]
            refused = certify(pool, rows, wanted)
            variants = [variant for variant in variants if variant not in refused]
            batch = [rows[variant] for variant in wanted if variant in rows]
            if over and not refused:
                break
            if batch and not over:
                run(batch, options, settings)
    write(batch, options.out / "dataset.jsonl")
    subprocess.run([sys.executable, ROOT / "report.py", logs, "--out", options.out / "report"])
    if plans.hopeless:
        strength = "strong" if plans.rates.mean() > np.mean(band) else "weak"
        print(f"{options.model} is too {strength}: no dataset is in the band. This is the nearest.")
    elif not plans.settled:
        print("Not certain yet. The same command with a larger --budget or --attempts goes on.")
    print(
        f"{options.model} passes the {len(batch)} variants of {options.out / 'dataset.jsonl'} "
        f"{in_words(plans, band)}, by {known}."
    )


if __name__ == "__main__":
    main()
