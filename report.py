"""From logs of inspect eval: how often a model passes, what it finds and misses, what that takes, and the next command.

    python report.py LOG [LOG ...] [--out FOLDER]      # files or folders of logs, or their addresses

Logs of one model count together, those of several stand one after the other. A rate is a tuple (low, rate, high) with
the ends of its 95% interval.
"""

import argparse
import shlex
import sys
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from inspect_ai.log import EvalLog

from attempts import read
from commands import folder, label, save_config
from difficulty.band import BAND, interval
from difficulty.choose import in_band
from difficulty.find_rates import Posterior, fit
from reference.architecture import RARITY

SURE = 0.95
MOST_ROWS = 40
ENDS = ["found", "missed", "other value", "not told"]  # of a departure in an attempt
EFFORT = ["minutes", "turns", "tokens", "output tokens", "US dollars"]


def counted(happened: pd.Series) -> tuple[float, float, float]:
    low, high = interval(int(happened.sum()), len(happened))
    return low, happened.mean(), high


def expected(draws: np.ndarray) -> tuple[float, float, float]:
    low, high = np.quantile(draws, [0.025, 0.975])
    return low, draws.mean(), high


def row_rates(attempts: pd.DataFrame, posterior: Posterior) -> np.ndarray:
    """Draws of the pass rate of the rows that were tried, each row counting once."""
    rows = attempts.drop_duplicates("id")["told"]
    return posterior.pass_rates([told.departures for told in rows]).mean(1)


def by_row(attempts: pd.DataFrame, posterior: Posterior) -> pd.DataFrame:
    """Measured rates beside those that the find rates of all attempts let expect; if rows are many, of the rows with
    as many departures."""
    key = "id" if attempts["id"].nunique() <= MOST_ROWS else "departures"
    lines = []
    for name, part in attempts.sort_values("departures", kind="stable").groupby(key, sort=False):
        line = {key: name, "departures": part["departures"].iloc[0], "attempts": len(part)}
        rates = {"measured": counted(part["passed"])}
        lines.append(line | rates | {"predicted": expected(row_rates(part, posterior))})
    return pd.DataFrame(lines)


def found(attempts: pd.DataFrame, posterior: Posterior) -> pd.DataFrame:
    """In how many attempts a departure was found or not, and its find rate, for which every attempt counts."""
    ends = []
    for told, details in zip(attempts["told"], attempts["details"]):
        other_value = details.get("other_value") or ()
        for name in told.departures:
            if name in told.found:
                ends.append((name, "found"))
            elif name in told.missed:
                ends.append((name, "other value" if name in other_value else "missed"))
            else:
                ends.append((name, "not told"))
    frame = pd.crosstab(*np.transpose(ends), rownames=["departure"], colnames=[""])
    frame = frame.reindex(columns=ENDS, fill_value=0)
    frame.insert(0, "hidden in", frame.sum(axis=1))
    rates = posterior.find_rates()
    frame["find rate"] = [expected(rates[name]) for name in frame.index]
    return frame.sort_values("find rate", key=lambda rates: rates.str[1]).reset_index()


def listed(attempts: pd.DataFrame, detail: str) -> pd.DataFrame:
    """How often each name is listed in this detail, of the attempts that tell it."""
    lists = attempts["details"].map(lambda details: details.get(detail)).dropna()
    names = sorted({name for names in lists for name in names})
    shares = [counted(lists.map(lambda names, name=name: name in names)) for name in names]
    return pd.DataFrame({detail: names, "share of failures": shares})


def advice(logs: list[EvalLog], attempts: pd.DataFrame, rates: np.ndarray, config: Path) -> str:
    """What to do next, and its command. rates: draws of the rate of all rows. config: the file that it may need."""
    likely, file, last = in_band(rates).mean(), shlex.quote(str(config)), folder(logs[-1])
    if likely >= SURE:
        like = shlex.join(dict.fromkeys(map(folder, logs)))
        command = f"python build_dataset.py --like {like} --rate 0.25 --count 1000"
        return f"Train on variants like these:\n\n    {command}"
    if likely <= 1 - SURE:
        save_config(logs, config, limit=None, sample_id=None)
        limit = "--budget 5" if attempts["US dollars"].any() else "--attempts 80"
        command = f"python calibrate.py --run-config {file} {limit}"
        wrong = "hard" if rates.mean() < BAND[0] else "easy"
        return f"Too {wrong}: find variants that suit this model:\n\n    {command}"
    save_config(logs, config, epochs=-(-len(attempts) // attempts["id"].nunique()))
    command = f"inspect eval --run-config {file} --log-dir {shlex.quote(last)}"
    return f"Not certain yet: try as often again:\n\n    {command}"


def verdict(attempts: pd.DataFrame, rates: np.ndarray) -> str:
    passed, limited = attempts["passed"], attempts["limited"].sum()
    invalid = ": THE RATES ARE NOT VALID, raise it" if limited else ""
    return (
        f"{passed.sum()} of {len(passed)} attempts passed: {text(counted(passed))}. "
        f"That the rate of these {attempts['id'].nunique()} variants is {BAND[0]:.0%} to "
        f"{BAND[1]:.0%} has a probability of {in_band(rates).mean():.0%}. "
        f"{limited} attempts were ended by a limit{invalid}."
    )


def tables(attempts: pd.DataFrame, posterior: Posterior) -> dict[str, pd.DataFrame]:
    """Title -> table, of all that there is something to tell of."""
    passed = attempts["passed"]
    effort = attempts.groupby(passed.map({True: "passes", False: "failures"}))[EFFORT].mean()
    every = {
        "How often rows are passed": by_row(attempts, posterior),
        "Why attempts fail": attempts["reason"][~passed].value_counts().reset_index(),
        "What is found": found(attempts, posterior),
        "What failures add to the original": listed(attempts, "added"),
        "Which parts are right in failures": listed(attempts, "right"),
        "What attempts take": effort.reset_index(names="means of"),
    }
    return {title: table for title, table in every.items() if len(table)}


def markdown(title: str, frame: pd.DataFrame) -> str:
    lines = [[*frame.columns], ["---"] * frame.shape[1], *frame.map(text).to_numpy().tolist()]
    return f"### {title}\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines)


def text(value: Any) -> str:
    if isinstance(value, tuple):
        low, rate, high = value
        return f"{rate:.0%} ({low:.0%} to {high:.0%})"
    if isinstance(value, float):
        return "-" if np.isnan(value) else f"{value:,.3g}"
    return str(value)


def draw(tables: dict[str, pd.DataFrame], path: Path) -> None:
    """The rates of all tables with their intervals, on white so that they read on dark pages too."""
    cells = pd.concat([table.set_index(table.columns[0]).stack() for table in tables.values()])
    rates = cells[cells.map(lambda cell: isinstance(cell, tuple))]
    names = [f"{name}: {column}" for name, column in rates.index]
    low, rate, high = 100 * np.transpose(rates.tolist())
    figure, axes = plt.subplots(figsize=(7, 1 + len(rates) / 5), layout="constrained")
    axes.axvspan(100 * BAND[0], 100 * BAND[1], color="#d9ead3")
    axes.errorbar(rate, names, xerr=(rate - low, high - rate), fmt="o")
    axes.set(xlim=(-2, 102), xlabel="%, with 95% intervals; green: the band of pass rates")
    axes.invert_yaxis()
    figure.savefig(path, dpi=150, facecolor="white")
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("logs", nargs="+", metavar="LOG", help="a log, or a folder of logs")
    parser.add_argument("--out", type=Path, help="folder to write (report, beside the last log)")
    options = parser.parse_args()
    headers, every, notes = read(options.logs)
    for note in notes:
        print(note, file=sys.stderr)
    if not headers:
        sys.exit(2)
    last = folder(headers[-1])
    out = options.out or Path("." if "://" in last else last) / "report"
    out.mkdir(parents=True, exist_ok=True)
    page = ["# Report", *(f"- {note}" for note in notes)]
    for number, (model, attempts) in enumerate(every.groupby("model", sort=False), 1):
        logs = [log for log in headers if label(log) == model]
        posterior = fit([*attempts["told"]], RARITY)
        rates, told = row_rates(attempts, posterior), tables(attempts, posterior)
        following = advice(logs, attempts, rates, out / f"run{number}.json")
        summary = f"{verdict(attempts, rates)} {following}"
        print(f"{model}: {summary}\n")
        draw(told, out / f"rates{number}.png")
        page += [f"## {model}", summary, *(markdown(title, told[title]) for title in told)]
        page += [f"![the rates of the tables, with 95% intervals](rates{number}.png)"]
    (out / "report.md").write_text("\n\n".join(page) + "\n", encoding="utf-8")
    print(f"Report: {out / 'report.md'}")


if __name__ == "__main__":
    main()
