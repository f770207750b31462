"""From logs: how often a model passes, what it finds, why it fails, and the next command.

    python report.py LOG [LOG ...] [--out FOLDER]      # logs or folders, or their addresses

Logs of one model count together. A rate is a tuple (low, rate, high), a 95% interval around it.
"""

import argparse
import os
import shlex
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from inspect_ai.log import EvalLog
from matplotlib.figure import Figure

from attempts import read
from commands import MARK, ROOT, label, save_config
from difficulty.choose import BAND, in_band
from difficulty.find_rates import Posterior, fit
from scorers.pass_rate import interval

PYTHON = f"python {shlex.quote(str(ROOT))}"  # the commands hold in every folder
SURE = 0.95
MOST_ROWS = 40  # in the table and the picture
ENDS = ["found", "missed", "other value", "not told"]  # of a departure in an attempt
COMMON = ["reason", "right", "added"]  # what failures may have in common
EFFORT = ["working_time", "turn_count", "input_tokens", "output_tokens", "US dollars"]
Rate = tuple[float, float, float]


def counted(happened: int, tried: int) -> Rate:
    low, high = interval(int(happened), tried)
    return low, happened / tried, high


def expected(draws: np.ndarray) -> Rate:
    low, high = np.quantile(draws, [0.025, 0.975])
    return low, draws.mean(), high


def by_row(attempts: pd.DataFrame, rates: np.ndarray) -> pd.DataFrame:
    """Measured rates beside those that the find rates let expect."""
    grouped = attempts.groupby("id", sort=False)
    frame = grouped["departures"].agg(departures="first", attempts="count").reset_index()
    frame["measured"] = list(map(counted, grouped["passed"].sum(), frame["attempts"]))
    frame["predicted"] = list(map(expected, rates.T))
    return frame.sort_values("departures", kind="stable").head(MOST_ROWS)


def found(attempts: pd.DataFrame, posterior: Posterior) -> pd.DataFrame:
    """How departures ended, in attempts; and their find rates, for which every attempt counts."""
    frame = attempts[ENDS].apply(lambda names: names.explode().value_counts()).fillna(0).astype(int)
    frame.insert(0, "hidden in", frame.sum(axis=1))
    rates = posterior.find_rates()
    frame["find rate"] = [expected(rates[name]) for name in frame.index]
    return frame.rename_axis("departure").sort_values("find rate").reset_index()


def in_common(attempts: pd.DataFrame) -> pd.DataFrame:
    """Why failures failed, which parts of them are right, and what they add to the original."""
    failures = attempts.loc[~attempts["passed"], COMMON]
    counts = pd.concat({what: failures[what].explode().value_counts() for what in COMMON})
    counts.index = counts.index.map(": ".join)
    frame = counts.rename_axis("of failures").reset_index(name="attempts")
    return frame.assign(share=[counted(number, len(failures)) for number in counts])


def verdict(attempts: pd.DataFrame, rates: np.ndarray) -> str:
    """rates: draws of the rate of all rows."""
    tried, passed, sure = len(attempts), attempts["passed"].sum(), in_band(rates).mean()
    said = f"{passed} of {tried} attempts passed: {text(counted(passed, tried))}. These variants "
    said += f"are in the band of {BAND[0]:.0%} to {BAND[1]:.0%} with a probability of {sure:.0%}."
    if limited := attempts["limit"].count():
        said += f" {limited} attempts were ended by a limit: THE RATES ARE NOT VALID, raise it."
    if broken := attempts["error"].count():
        said += f" {broken} attempts were ended by an error, for example of the service, and count."
    return said


def advice(
    logs: list[EvalLog], paths: list[str], attempts: pd.DataFrame, rates: np.ndarray, out: Path
) -> str:
    """The next command. paths: of the logs, or of their folders. The file that the command may need goes into the folder
    `out`, with a name of its own: a calibration that began with an earlier one reads that again and again."""
    sure, log = in_band(rates).mean(), logs[-1]
    folder = log.location.rpartition("/")[0] or "."
    config = out.absolute() / f"run-{log.eval.eval_id}.json"
    file = shlex.quote(str(config))
    if sure >= SURE:
        like = shlex.join(path if "://" in path else os.path.abspath(path) for path in paths)
        command = f"{PYTHON}/build_dataset.py --like {like} --rate 0.25 --count 1000"
        return f"Train on variants like these:\n\n    {command}"
    if str((log.eval.metadata or {}).get("options")).startswith(MARK):
        made = Path(folder).absolute().parent
        save_config(log, config, {"dataset": f"{made}/dataset.jsonl"}, epochs=10)
        command = f"inspect eval --run-config {file} --log-dir {shlex.quote(f'{made}/measured')}"
        return f"Measure the dataset that calibrate.py makes of these:\n\n    {command}"
    if sure <= 1 - SURE:
        save_config(log, config, {"departures": None}, limit=None, sample_id=None)
        limit = "--budget 5" if attempts["US dollars"].any() else "--attempts 80"
        command = f"{PYTHON}/calibrate.py --run-config {file} {limit}"
        return f"Find variants that suit this model:\n\n    {command}"
    ids = attempts.loc[attempts["dataset"] == log.eval.dataset.name, "id"]
    rows = {"limit": None, "sample_id": [*ids.unique()]}  # not those of the last run alone
    epochs = -(-len(ids) // ids.nunique())
    save_config(log, config, {"departures": None}, epochs=epochs, **rows)
    command = f"inspect eval --run-config {file} --log-dir {shlex.quote(folder)}"
    return f"Not certain yet, try as often again:\n\n    {command}"


def markdown(title: str, frame: pd.DataFrame) -> str:
    lines = [[*frame.columns], ["---"] * frame.shape[1], *frame.map(text).to_numpy().tolist()]
    return f"### {title}\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines)


def text(value: Any) -> str:
    if isinstance(value, tuple):
        low, rate, high = value
        return f"{rate:.0%} ({low:.0%} to {high:.0%})"
    if isinstance(value, float):  # 3 digits, never as 1e+03
        return np.format_float_positional(value, 3, unique=False, fractional=False, trim="-")
    return str(value)


def draw(tables: dict[str, pd.DataFrame], path: Path) -> None:
    """The rates of all tables with their intervals, on white, to be read on dark pages too."""
    cells = pd.concat([table.set_index(table.columns[0]).stack() for table in tables.values()])
    rates = cells[cells.map(lambda cell: isinstance(cell, tuple))]
    names = [f"{name}: {column}" for name, column in rates.index]
    low, rate, high = 100 * np.transpose(rates.tolist())
    # not of pyplot, whose backend may be that of a notebook
    figure = Figure(figsize=(7, 1 + len(rates) / 5), layout="constrained")
    axes = figure.subplots()
    axes.axvspan(100 * BAND[0], 100 * BAND[1], color="#d9ead3")
    axes.errorbar(rate, names, xerr=(rate - low, high - rate), fmt="o")
    axes.set(xlim=(-2, 102), xlabel="%, with 95% intervals; green: the band of pass rates")
    axes.invert_yaxis()
    figure.savefig(path, dpi=150, facecolor="white")


def section(
    number: int, logs: list[EvalLog], paths: list[str], attempts: pd.DataFrame, out: Path
) -> list[str]:
    """What is said of a model. Its picture and the config of its next run go into the folder."""
    posterior = fit([*attempts["told"]])
    rows = attempts.drop_duplicates("id")["told"]
    rates = posterior.pass_rates([told.departures for told in rows])
    effort = attempts.groupby(np.where(attempts["passed"], "passes", "failures"))[EFFORT].mean()
    tables = {
        "How often rows are passed": by_row(attempts, rates),
        "What is found": found(attempts, posterior),
        "What failures have in common": in_common(attempts),
        "What attempts take": effort.reset_index(names="means of"),
    }
    draw(tables, out / f"rates{number}.png")
    following = advice(logs, paths, attempts, rates.mean(1), out)
    return [
        f"{verdict(attempts, rates.mean(1))} {following}",
        *(markdown(title, table) for title, table in tables.items()),
        f"![the rates of the tables, with 95% intervals](rates{number}.png)",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("logs", nargs="+", metavar="LOG", help="a log, or a folder of logs")
    parser.add_argument("--out", type=Path, default=Path("report"), help="folder to write (report)")
    options = parser.parse_args()
    if options.out.exists() and not options.out.is_dir():
        parser.error("--out is a file: give a folder")
    headers, every, notes = read(options.logs)
    sys.stderr.writelines(f"{note}\n" for note in notes)
    if not headers:
        sys.exit(2)
    options.out.mkdir(parents=True, exist_ok=True)
    page = ["# Report", *(f"- {note}" for note in notes)]
    models = every.groupby("model", sort=False)
    for number, (model, attempts) in enumerate(models, 1):
        logs = [log for log in headers if label(log) == model]
        paths = options.logs if len(models) == 1 else [log.location for log in logs]
        said = section(number, logs, paths, attempts, options.out)
        print(f"{model}: {said[0]}\n")
        page += [f"## {model}", *said]
    path = options.out / "report.md"
    path.write_text("\n\n".join(page) + "\n", encoding="utf-8")
    print(f"Report: {path}")


if __name__ == "__main__":
    main()
