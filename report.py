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


def counted(number: int, of: int) -> tuple[float, float, float]:
    low, high = interval(int(number), int(of))
    return low, number / of, high


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
        line["measured"] = counted(part["passed"].sum(), len(part))
        lines.append(line | {"predicted": expected(row_rates(part, posterior))})
    return pd.DataFrame(lines)


def found(attempts: pd.DataFrame, posterior: Posterior) -> pd.DataFrame:
    """In how many attempts a departure was found or not, and its find rate, for which every attempt counts."""
    ends = []
    for told, details in zip(attempts["told"], attempts["details"]):
        missed = told.missed.difference(details.get("other_value") or ())
        kinds = dict(zip(ENDS, (told.found, missed, told.missed, told.departures)))
        for name in told.departures:
            ends.append((name, next(end for end in ENDS if name in kinds[end])))
    frame = pd.crosstab(*np.transpose(ends), rownames=["departure"], colnames=[""])
    frame = frame.reindex(columns=ENDS, fill_value=0)
    frame.insert(0, "hidden in", frame.sum(axis=1))
    rates = posterior.find_rates()
    frame["rate"] = [expected(rates[name]) for name in frame.index]
    return frame.sort_values("rate", key=lambda rates: rates.str[1]).reset_index()


def listed(attempts: pd.DataFrame, detail: str) -> pd.DataFrame:
    """How often each name is listed in this detail, of the attempts that tell it."""
    lists = attempts["details"].map(lambda details: details.get(detail)).dropna().map(list)
    names = lists.explode().value_counts().rename_axis(detail).reset_index(name="attempts")
    names["rate"] = [counted(number, len(lists)) for number in names["attempts"]]
    return names


def next_command(
    logs: list[EvalLog], attempts: pd.DataFrame, rates: np.ndarray, config: Path
) -> tuple[str, list[str]]:
    """What to do next, and its command. rates: draws of the rate of all rows. config: the file that it may need."""
    likely = in_band(rates).mean()
    if likely >= SURE:
        like = ["build_dataset.py", "--like", *dict.fromkeys(map(folder, logs))]
        return "Train on variants like these", [
            "python",
            *like,
            "--rate",
            "0.25",
            "--count",
            "1000",
        ]
    if likely <= 1 - SURE:
        save_config(logs, config, limit=None, sample_id=None)
        limit = ["--budget", "5"] if attempts["US dollars"].any() else ["--attempts", "80"]
        what = f"Too {'hard' if rates.mean() < BAND[0] else 'easy'}"
        command = ["python", "calibrate.py", "--run-config", str(config), *limit]
        return f"{what}: find variants that suit this model", command
    save_config(logs, config, epochs=-(-len(attempts) // attempts["id"].nunique()))
    again = ["--run-config", str(config), "--log-dir", folder(logs[-1])]
    return "Not certain yet: try as often again", ["inspect", "eval", *again]


def one_model(
    logs: list[EvalLog], attempts: pd.DataFrame, config: Path
) -> tuple[str, dict[str, pd.DataFrame]]:
    """Verdict with the next command; title -> table."""
    posterior = fit([*attempts["told"]], RARITY)
    rates = row_rates(attempts, posterior)
    what, command = next_command(logs, attempts, rates, config)
    passed, limited = attempts["passed"], attempts["limited"].sum()
    verdict = (
        f"{passed.sum()} of {len(passed)} attempts passed: "
        f"{text(counted(passed.sum(), len(passed)))}. That the rate of these "
        f"{attempts['id'].nunique()} variants is {BAND[0]:.0%} to {BAND[1]:.0%} has a probability "
        f"of {in_band(rates).mean():.0%}. {limited} attempts were ended by a limit"
        f"{': THE RATES ARE NOT VALID, raise it' if limited else ''}. {what}:\n\n"
        f"    {shlex.join(command)}"
    )
    effort = attempts.groupby(passed.map({True: "passes", False: "failures"}))[EFFORT].mean()
    tables = {
        "How often rows are passed": by_row(attempts, posterior),
        "Why attempts fail": attempts["reason"][~passed].value_counts().reset_index(),
        "What is found": found(attempts, posterior),
        "What failures add to the original": listed(attempts, "added"),
        "Which parts are right in failures": listed(attempts, "right"),
        "What attempts take": effort.reset_index(names="means of"),
    }
    return verdict, {title: table for title, table in tables.items() if len(table)}


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
    panels = {
        title: table for title, table in tables.items() if isinstance(table.iloc[0, -1], tuple)
    }
    heights = [len(table) + 2 for table in panels.values()]
    figure = plt.figure(figsize=(7, 0.3 * sum(heights)), layout="constrained")
    grid = figure.subplots(len(panels), squeeze=False, height_ratios=heights)
    for axes, (title, table) in zip(grid.flat, panels.items()):
        for shift, column in enumerate(
            table.columns.intersection(["rate", "measured", "predicted"])
        ):
            low, rate, high = 100 * np.transpose(table[column].tolist())
            places = np.arange(len(table)) + 0.2 * shift
            axes.errorbar(rate, places, xerr=(rate - low, high - rate), fmt="o", label=column)
        if "measured" in table:
            axes.axvspan(100 * BAND[0], 100 * BAND[1], color="#d9ead3", label="the band")
        axes.set_yticks(range(len(table)), table.iloc[:, 0], fontsize=8)
        axes.set(title=title, xlim=(-2, 102), xlabel="%, with 95% intervals")
        axes.invert_yaxis()
        axes.legend(fontsize=8)
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
        verdict, tables = one_model(logs, attempts, out / f"run{number}.json")
        print(f"{model}: {verdict}\n")
        page += [f"## {model}", verdict, *(markdown(*table) for table in tables.items())]
        page += [f"![the rates of the tables, with 95% intervals](rates{number}.png)"]
        draw(tables, out / f"rates{number}.png")
    (out / "report.md").write_text("\n\n".join(page) + "\n", encoding="utf-8")
    print(f"Report: {out / 'report.md'}")


if __name__ == "__main__":
    main()
