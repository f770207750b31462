"""Finds, for a model, a dataset that it passes 10–40% of the time.

    python calibrate.py --model anthropic/claude-haiku-4-5 --budget 5
    python calibrate.py --model none --attempts 80 --sandbox local --solver baselines/search.py@search -S knowledge=0.8

Runs a few variants, learns from them how often the model finds each departure, draws variants that it should pass
10–40% of the time, runs them, and so on, until the dataset is in the band, none can be, or the budget is spent.
Stopped or killed, the same command goes on: all it knows is in the logs. All other options are those of `inspect eval`.
"""

import argparse
import json
import os
import secrets
import signal
import subprocess
import sys
from hashlib import sha256
from math import inf
from multiprocessing import Pool
from pathlib import Path

import numpy as np
import pandas as pd
from inspect_ai.log import list_eval_logs, recover_eval_log, recoverable_eval_logs

from attempts import read_one
from commands import MARK, ROOT, inspect
from difficulty.choose import BAND, ROUND, Plan, Variant, candidates, in_band, plan
from reference.rows import Row
from variants.certificate import certified_row

TRIES = 8  # draws of the settings of a variant, until one is certified


def known(logs: str, mark: str) -> pd.DataFrame:
    """All attempts in the logs, also in interrupted ones. Exits if a log has another mark."""
    for crashed in recoverable_eval_logs(logs):
        recover_eval_log(crashed.log.name, overwrite=True)
    attempts = []
    for log in list_eval_logs(logs, descending=False):
        header, made, _ = read_one(log.name)
        if header and (header.eval.metadata or {}).get("options") != mark:
            sys.exit(f"{log.name} is of another model or other options: give another --out")
        attempts += made
    if len({one["model"] for one in attempts}) > 1:
        sys.exit(f"{logs} has attempts of more than one model: give one, and another --out")
    return pd.DataFrame(attempts, columns=["model", "row", "told", "counts", "US dollars"])


def first_certified(variant: Variant) -> Row | None:
    seed = secrets.token_hex(16)
    made = (certified_row(seed, number, len(variant), variant) for number in range(TRIES))
    return next(filter(None, made), None)


def affordable(attempts: pd.DataFrame, options: argparse.Namespace) -> int:
    """Attempts to run at once. With a budget the first runs alone: it tells what one costs."""
    spent = attempts["US dollars"].sum()
    left = options.budget - spent
    paid = inf if left == inf else left * len(attempts) / spent if spent else 1
    sizes = options.max_samples, options.attempts - len(attempts), max(1, paid)
    return int(min(sizes)) if left > 0 else 0


def run(rows: Path, options: argparse.Namespace, given: list[str], mark: str) -> None:
    """One attempt at each row, all at the same time."""
    if options.budget < inf:  # of an attempt; what the other options say comes first
        os.environ["INSPECT_EVAL_COST_LIMIT"] = str(options.budget)
    logs = str(options.out / "logs")
    words = ["eval", f"{ROOT}/inspect_task.py@orphan_checkpoint", "--display", "plain"]
    words += [*given, "--epochs", "1", "--max-samples", str(options.max_samples)]
    words += ["--metadata", f"options={mark}", "--log-dir", logs, "-T", "departures=null"]
    words += ["-T", f"dataset={json.dumps(str(rows.absolute()), ensure_ascii=False)}"]
    words += ["--log-buffer", "1"]  # each sample is in the file as soon as it is done
    inspect(*words)
    log, attempts, said = read_one(list_eval_logs(logs)[0].name)
    if not log or log.status != "success" or not any(one["counts"] for one in attempts):
        sys.exit(f"{said}. Run the same command again to go on.")


def in_words(plans: Plan, band: tuple[float, float]) -> str:
    low, high = np.quantile(plans.rates, (0.025, 0.975))
    sure = in_band(plans.rates, band).mean()
    rate = f"{plans.rates.mean():.0%} of the time (95%: {low:.0%}–{high:.0%}"
    return f"{rate}; {sure:.0%} sure to be in {band[0]:.0%}–{band[1]:.0%})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    add = parser.add_argument
    add("--budget", type=float, default=inf, help="US dollars, by costs.yaml")
    add("--attempts", type=int, default=inf, help="for what has no price")
    add("--band", type=float, nargs=2, default=BAND, help="pass rates (0.1 0.4)")
    add("--out", type=Path, default=Path("calibration"), help="folder")
    add("--max-samples", type=int, default=ROUND, help=f"at once ({ROUND})")
    options, given = parser.parse_known_args()
    if not 0 < min(options.budget, options.attempts) < inf:
        parser.error("give --budget (US dollars) or --attempts, more than 0")
    if options.max_samples < 1:
        parser.error("--max-samples is 1 or more")
    if not 0 <= options.band[0] < options.band[1] <= 1:
        parser.error("--band is two rates, the lower one first")
    if any(word.startswith("-T") for word in given):
        parser.error("the variants are drawn here: leave -T out")
    if options.out.exists() and not options.out.is_dir():
        parser.error("--out is a file: give a folder")
    band, logs = tuple(options.band), options.out / "logs"
    dataset, rows_of_round = options.out / "dataset.jsonl", options.out / "round.jsonl"
    # The content of a file of options counts, not its name. A hash, as there may be keys among them.
    told = [Path(word).read_bytes() if os.path.isfile(word) else word for word in given]
    mark = MARK + sha256(repr(told).encode()).hexdigest()
    logs.mkdir(parents=True, exist_ok=True)
    variants = candidates(np.random.default_rng(0))
    rows: dict[Variant, Row | None] = {}  # None: none of its draws is certified
    with Pool(initializer=signal.signal, initargs=(signal.SIGINT, signal.SIG_IGN)) as pool:
        while True:
            attempts = known(str(logs), mark)
            for attempt, row in zip(attempts["told"], attempts["row"]):
                rows[attempt.departures] = Row(**row)
            scored = attempts[attempts["counts"].astype(bool)]
            plans, size = plan([*scored["told"]], variants, band), affordable(attempts, options)
            so_far = f"{len(scored)} attempts, {attempts['US dollars'].sum():.2f} dollars"
            rate = in_words(plans, band)
            if len(scored):
                print(f"{so_far}: the best dataset is passed {rate}", flush=True)
            over = plans.settled or plans.hopeless or size <= 0 or not plans.next
            wanted = plans.dataset if over else plans.next[:size]
            missing = [variant for variant in wanted if variant not in rows]
            rows |= zip(missing, pool.map(first_certified, missing, chunksize=1))
            variants = [variant for variant in variants if variant not in rows or rows[variant]]
            batch = [row for variant in wanted if (row := rows[variant])]
            rows_of_round.write_text("".join(f"{row.model_dump_json()}\n" for row in batch))
            if over and len(batch) == len(wanted):
                break
            if batch and not over:
                run(rows_of_round, options, given, mark)
    rows_of_round.replace(dataset)
    subprocess.run([sys.executable, ROOT / "report.py", logs, "--out", options.out / "report"])
    model = attempts["model"].iloc[-1]
    if plans.hopeless:
        strength = "strong" if plans.rates.mean() > np.mean(band) else "weak"
        print(f"{model} is too {strength}: no dataset is in the band. This is the nearest.")
    elif not plans.settled:
        print("Not certain yet. To go on: the same command with a larger --budget or --attempts.")
    print(f"{model} passes the {len(batch)} variants of {dataset} {rate}, by {so_far}.")


if __name__ == "__main__":
    main()
