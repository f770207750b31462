"""Finds, for a model, a dataset that it passes 10-40% of the time.

    python calibrate.py --model anthropic/claude-haiku-4-5 --budget 5
    python calibrate.py --model mockllm/model --attempts 40 --sandbox local \\
        --solver baselines/search.py@search -S knowledge=0.8

Runs a few variants, learns from them how often the model finds each departure, draws variants that it should pass
about a quarter of the time, runs them, and so on, until the dataset is in the band or the budget is spent. Stopped or
killed, the same command goes on: all it knows is in the logs. What else `inspect eval` takes as `--name value` is
passed on.
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
from inspect_ai.log import (
    list_eval_logs,
    read_eval_log,
    read_eval_log_samples,
    recover_eval_log,
    recoverable_eval_logs,
)
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


def read_logs(folder: Path, same: dict[str, Any]) -> Known:
    """Finished samples of all logs, also of interrupted ones. Exits if another model made one."""
    for crashed in recoverable_eval_logs(str(folder)):
        recover_eval_log(crashed.log.name, overwrite=True)
    known = Known()
    for log in list_eval_logs(str(folder), descending=False):
        header = read_eval_log(log, header_only=True).eval
        for name, value in same.items():
            if getattr(header, name) != value:
                sys.exit(f"{folder} is of {name} {getattr(header, name)}, not {value}: other --out")
        for sample in read_eval_log_samples(log, all_samples_required=False):
            row = Row.model_validate(sample.metadata)
            known.rows[departures_of(row)] = row
            known.started += 1
            known.dollars += sum(usage.total_cost or 0 for usage in sample.model_usage.values())
            if score := (sample.scores or {}).get("parity"):
                told = score.metadata or {}
                known.attempts.append(Attempt.from_log(sample.metadata, score.as_int() == 1, told))
    return known


def departures_of(row: Row) -> Variant:
    return frozenset(row.architecture) - {"heads"}


def certify(pool, rows: dict[Variant, Row], variants: Sequence[Variant]) -> set[Variant]:
    """Adds a row for each variant that has none; returns those for which none is certified."""
    missing = [variant for variant in variants if variant not in rows]
    seed = next(iter(rows.values())).seed if rows else secrets.token_hex(16)
    first = 1 + max((row.number for row in rows.values()), default=0)
    jobs = [(seed, first + TRIES * n, variant) for n, variant in enumerate(missing)]
    made = zip(missing, pool.map(first_certified, jobs, chunksize=1))
    rows |= {variant: row for variant, row in made if row}
    return {variant for variant in missing if variant not in rows}


def first_certified(job: tuple[str, int, Variant]) -> Row | None:
    seed, first, variant = job
    for number in range(first, first + TRIES):
        if row := certified_row(seed, number, len(variant), variant):
            return row
    return None


def affordable(known: Known, options: argparse.Namespace) -> int:
    """Attempts to run at once. The first runs alone if there is a budget: it tells what one costs."""
    sizes = [options.max_samples]
    if options.attempts:
        sizes.append(options.attempts - known.started)
    if options.budget:
        left = options.budget - known.dollars
        price = known.dollars / max(known.started, 1)
        sizes.append(0 if left <= 0 else max(1, int(left / price)) if price else 1)
    return min(sizes)


def write(rows: Sequence[Row], path: Path) -> None:
    path.write_text("".join(f"{row.model_dump_json()}\n" for row in rows))


def run(rows: Sequence[Row], options: argparse.Namespace, settings: dict[str, Any]) -> None:
    """One attempt at each row, all at once."""
    write(rows, options.out / "round.jsonl")
    task = orphan_checkpoint(dataset=str((options.out / "round.jsonl").absolute()))
    (log,) = run_eval(task, **settings)
    if log.status != "success":
        sys.exit(f"{log.error.message if log.error else 'Stopped'}. The same command goes on.")
    if not any(sample.scores for sample in log.samples or []):
        errors = [sample.error.message for sample in log.samples or [] if sample.error]
        sys.exit(f"No attempt was scored: {errors[:1]}. The same command goes on.")


def rate_in_words(plans: Plan) -> str:
    low, high = np.quantile(plans.rates, (0.025, 0.975))
    return f"{plans.rates.mean():.0%} of the time (95%: {low:.0%}–{high:.0%})"


def parse() -> tuple[argparse.Namespace, dict[str, Any]]:
    """Our options, and the arguments of Inspect's eval()."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True)
    parser.add_argument("--budget", type=float, help="US dollars, by the prices of costs.yaml")
    parser.add_argument("--attempts", type=int, help="at most so many, for what has no price")
    parser.add_argument("--band", type=float, nargs=2, default=BAND, help="pass rates (0.1 0.4)")
    parser.add_argument("--out", type=Path, default=Path("calibration"), help="folder")
    parser.add_argument("--max-samples", type=int, default=ROUND, help=f"at once ({ROUND})")
    parser.add_argument("--solver")
    parser.add_argument("-S", action="append", default=[], metavar="NAME=VALUE", help="of solver")
    parser.add_argument("-M", action="append", default=[], metavar="NAME=VALUE", help="of model")
    options, others = parser.parse_known_args()
    words = [word for other in others for word in other.split("=", 1)]
    names, values = words[::2], words[1::2]
    if len(names) != len(values) or not all(name.startswith("--") for name in names):
        parser.error(f"what Inspect takes is given as --name value, not {' '.join(others)}")
    if not (options.budget or options.attempts):
        parser.error("give --budget (US dollars) or --attempts")
    if not 0 <= options.band[0] < options.band[1] <= 1:
        parser.error("--band is two rates, the lower first")
    settings = {"log_dir": str(options.out / "logs"), "log_buffer": 1, "display": "plain"}
    settings["model_cost_config"] = str(ROOT / "costs.yaml")
    settings |= {name[2:].replace("-", "_"): yaml.safe_load(v) for name, v in zip(names, values)}
    settings |= {"model": options.model, "max_samples": options.max_samples}
    settings |= {"model_args": pairs(options.M)}
    if options.solver:
        settings["solver"] = SolverSpec(options.solver, pairs(options.S), pairs(options.S))
    if options.budget:
        settings.setdefault("cost_limit", options.budget)  # Inspect then asks for prices
    return options, settings


def pairs(given: Sequence[str]) -> dict[str, Any]:
    return {name: yaml.safe_load(value) for name, _, value in (one.partition("=") for one in given)}


def main() -> None:
    options, settings = parse()
    band, logs = tuple(options.band), options.out / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    same = {"model": options.model, "solver": options.solver}
    same |= {"model_args": pairs(options.M), "solver_args_passed": pairs(options.S)}
    rows: dict[Variant, Row] = {}
    variants = candidates(np.random.default_rng(0))
    with Pool(initializer=signal.signal, initargs=(signal.SIGINT, signal.SIG_IGN)) as pool:
        while True:
            known = read_logs(logs, same)
            rows |= known.rows
            plans, size = plan(known.attempts, variants, band), affordable(known, options)
            spent = f"{len(known.attempts)} attempts, {known.dollars:.2f} dollars"
            sure = f"in the band with a probability of {in_band(plans.rates, band).mean():.0%}"
            print(f"{spent}: the dataset is passed {rate_in_words(plans)}, {sure}", flush=True)
            over = plans.settled or plans.hopeless or size <= 0
            wanted = plans.dataset if over else plans.next[:size]
            refused = certify(pool, rows, wanted)
            variants = [variant for variant in variants if variant not in refused]
            if over and not refused:
                break
            if batch := [rows[variant] for variant in wanted if not over and variant in rows]:
                run(batch, options, settings)
    write([rows[variant] for variant in plans.dataset], options.out / "dataset.jsonl")
    subprocess.run([sys.executable, ROOT / "report.py", logs, "--out", options.out / "report"])
    if plans.hopeless:
        strong = plans.rates.mean() > np.mean(band)
        print(
            f"{options.model} is too {'strong' if strong else 'weak'}: no dataset is in the band."
        )
    elif not plans.settled:
        print(f"The attempts are spent before it is certain; {sure}. More attempts: more --budget.")
    print(
        f"{options.model} passes the {len(plans.dataset)} variants of {options.out / 'dataset.jsonl'} "
        f"{rate_in_words(plans)}, by {spent}."
    )


if __name__ == "__main__":
    main()
