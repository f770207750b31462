"""From logs of inspect eval: how often a model passes, what it finds and misses, what that takes, and the next command.

    python report.py LOG [LOG ...] [--out FOLDER]      # files or folders of logs, or their addresses

Logs of one model count together, those of several stand one after the other. A rate is a tuple (low, rate, high) with
the ends of its 95% interval.
"""

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from inspect_ai.log import EvalLog

from attempts import read
from commands import actor, command, folder, label
from difficulty.band import BAND, interval
from difficulty.choose import in_band
from difficulty.find_rates import Posterior, fit
from reference.architecture import RARITY

SURE = 0.95
MOST_ROWS = 40
BAND_IN_WORDS = f"{BAND[0]:.0%} to {BAND[1]:.0%}"
RATES = ["measured", "predicted", "rate"]  # columns that are drawn
EFFORT = ["minutes", "turns", "tokens", "output tokens", "US dollars"]


def counted(number: int, of: int) -> tuple[float, float, float]:
    low, high = interval(int(number), int(of))
    return low, number / of, high


def expected(draws: np.ndarray) -> tuple[float, float, float]:
    low, high = np.quantile(draws, [0.025, 0.975])
    return low, draws.mean(), high


def by_row(attempts: pd.DataFrame, posterior: Posterior) -> pd.DataFrame:
    """Measured rates beside those that the find rates of all attempts let expect; if rows are many, of the rows with
    as many departures."""
    keys = ["id", "departures"] if attempts["id"].nunique() <= MOST_ROWS else ["departures"]
    lines = []
    for key, part in attempts.groupby(keys):
        line = dict(
            zip(keys, key), attempts=len(part), measured=counted(part["passed"].sum(), len(part))
        )
        lines.append(line | {"predicted": expected(row_rates(part, posterior))})
    return pd.DataFrame(lines).sort_values("departures")


def row_rates(attempts: pd.DataFrame, posterior: Posterior) -> np.ndarray:
    """Draws of the pass rate of the rows that were tried, each row counting once."""
    rows = attempts.drop_duplicates("id")["told"]
    return posterior.pass_rates([told.departures for told in rows]).mean(1)


def found(attempts: pd.DataFrame, posterior: Posterior) -> pd.DataFrame:
    """In how many attempts a departure was found or not, and its find rate, for which every attempt counts."""
    ends = []
    for told, other in zip(attempts["told"], attempts["other value"]):
        missed = told.missed.difference(other)
        kinds = {"found": told.found, "missed": missed, "other value": told.missed - missed}
        kinds["not told"] = told.departures - told.found - told.missed
        ends += [(name, kind) for kind, names in kinds.items() for name in names]
    frame = pd.crosstab(*np.transpose(ends), rownames=["departure"], colnames=[""])
    frame = frame.reindex(columns=["found", "missed", "other value", "not told"], fill_value=0)
    frame.insert(0, "hidden in", frame.sum(axis=1))
    rates = {name: expected(draws) for name, draws in posterior.find_rates().items()}
    frame["rate"] = [rates[name] for name in frame.index]
    return frame.sort_values("rate", key=lambda rates: rates.str[1]).reset_index()


def right(attempts: pd.DataFrame) -> pd.DataFrame:
    """Of the failures where it was told, how many had each part right."""
    tell = attempts["right"].dropna()
    parts = tell.explode().value_counts()
    rates = [counted(number, len(tell)) for number in parts]
    return pd.DataFrame({"part": parts.index, "right in": parts, "rate": rates})


def advice(logs: list[EvalLog], attempts: pd.DataFrame, rates: np.ndarray) -> tuple[str, str]:
    """What to do next, and its command. rates: draws of the rate of all rows."""
    likely, low = in_band(rates).mean(), rates.mean() < BAND[0]
    if likely >= SURE:
        build = ["python", "build_dataset.py", "--like", *dict.fromkeys(map(folder, logs))]
        return "Train on variants like these", f"{shlex.join(build)} --rate 0.25 --count 1000"
    if likely <= 1 - SURE:
        limit = ["--budget", "5"] if attempts["US dollars"].any() else ["--attempts", "80"]
        find = shlex.join(["python", "calibrate.py", *actor(logs), *limit])
        return f"Too {'hard' if low else 'easy'}: find variants that suit this model", find
    epochs = -(-len(attempts) // attempts["id"].nunique())
    return "Not certain yet: try as often again", command(logs, epochs)


# Writing


def table(frame: pd.DataFrame) -> str:
    """In Markdown; nothing if there is nothing to tell."""
    cells = frame.map(text).to_numpy().tolist()
    lines = [[*frame.columns], ["---"] * len(frame.columns), *cells]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) if cells else ""


def text(value: Any) -> str:
    if isinstance(value, tuple):
        low, rate, high = value
        return f"{rate:.0%} ({low:.0%} to {high:.0%})"
    if isinstance(value, float):
        return "-" if np.isnan(value) else f"{value:,.3g}"
    return str(value)


def draw(path: Path, panels: dict[str, pd.DataFrame], band: bool) -> None:
    """Rates with their intervals, on white so that they read on dark pages too. panels: title -> frame with names in its
    first column; every column of rates is drawn."""
    sizes = [len(frame) + 2 for frame in panels.values()]
    size = (7, 0.27 * sum(sizes) + 0.6)
    figure, grid = plt.subplots(
        len(panels), figsize=size, height_ratios=sizes, squeeze=False, layout="constrained"
    )
    for axes, (title, frame) in zip(grid[:, 0], panels.items()):
        for column, colour, shift in zip(
            RATES, ("#1f5fa8", "#b5531c", "#1f5fa8"), (-0.12, 0.12, 0)
        ):
            if column in frame:
                low, rate, high = 100 * np.transpose(frame[column].tolist())
                places = np.arange(len(frame)) + shift
                axes.hlines(places, low, high, color=colour, linewidth=3, alpha=0.5)
                axes.plot(rate, places, "o", color=colour, label=column)
        if band:
            axes.axvspan(100 * BAND[0], 100 * BAND[1], color="#d9ead3", label="the band")
        axes.set_yticks(range(len(frame)), frame.iloc[:, 0], fontsize=8)
        axes.set(title=title, xlim=(-2, 102))
        axes.invert_yaxis()
        axes.legend(fontsize=8, loc="lower right")
    axes.set_xlabel("%, with 95% intervals")
    figure.savefig(path, dpi=150, facecolor="white")
    plt.close(figure)


def one_model(logs: list[EvalLog], attempts: pd.DataFrame) -> tuple[str, list[str], dict]:
    """Verdict and next command; what report.md says below them; title -> rates for the pictures."""
    posterior = fit([*attempts["told"]], RARITY)
    rows, rates = by_row(attempts, posterior), row_rates(attempts, posterior)
    departures, parts = found(attempts, posterior), right(attempts)
    failed, limited = attempts[~attempts["passed"]], int(attempts["limited"].sum())
    tried, passed = len(attempts), len(attempts) - len(failed)
    likely, (what, following) = in_band(rates).mean(), advice(logs, attempts, rates)
    verdict = (
        f"{passed} of {tried} attempts passed: {text(counted(passed, tried))}. That the rate of these "
        f"{attempts['id'].nunique()} variants is {BAND_IN_WORDS} has a probability of {likely:.0%}. {limited} attempts "
        f"were ended by a limit{': THE RATES ARE NOT VALID, raise it' * (limited > 0)}."
    )
    effort = attempts.groupby(attempts["passed"].map({True: "passes", False: "failures"}))[EFFORT]
    sections = [
        f"{verdict} {what}:\n\n```\n{following}\n```",
        table(rows),
        f"Reasons of {len(failed)} failures: {numbers(failed['reason'])}",
        table(departures),
        f"What ports did that the original does not: {numbers(failed['added'].explode())}",
        table(parts),
        table(effort.mean().reset_index(names="means of")),
    ]
    panels = {
        "rate of each row": rows,
        "departures found": departures,
        "parts right in failures": parts,
    }
    return f"{verdict} {what}:\n  {following}", sections, panels


def numbers(names: pd.Series) -> str:
    counts = names.value_counts().items()
    return ", ".join(f"{name} {number}" for name, number in counts) or "none"


def write(headers: Sequence[EvalLog], every: pd.DataFrame, notes: list[str], out: Path) -> str:
    """Writes report.md and its pictures; returns the main lines."""
    out.mkdir(parents=True, exist_ok=True)
    lines, main_lines = ["# Report", *(f"- {note}" for note in notes)], []
    band: dict[str, pd.DataFrame] = {}
    findings: dict[str, pd.DataFrame] = {}
    for name, attempts in every.groupby("model", sort=False):
        logs = [log for log in headers if label(log) == name]
        main_line, sections, panels = one_model(logs, attempts)
        main_lines.append(f"{name}: {main_line}")
        lines += [f"## {name}", *sections]
        band[name] = panels.pop("rate of each row")
        findings |= {f"{name}: {title}": f for title, f in panels.items() if len(f)}
    draw(out / "band.png", band, True)
    draw(out / "found.png", findings, False)
    lines += ["![rates and the band](band.png)", "![what was found and what was right](found.png)"]
    (out / "report.md").write_text("\n\n".join(filter(None, lines)) + "\n", encoding="utf-8")
    return "\n".join(main_lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("logs", nargs="+", metavar="LOG", help="a log, or a folder of logs")
    parser.add_argument("--out", type=Path, help="folder to write (report, beside the last log)")
    options = parser.parse_args()
    headers, every, notes = read(options.logs)
    print(*notes, sep="\n", end="\n" * bool(notes), file=sys.stderr)
    if not headers:
        sys.exit(2)
    last = folder(headers[-1])
    out = options.out or Path("." if "://" in last else last) / "report"
    print(write(headers, every, notes, out))
    print(f"Report: {out / 'report.md'}")


if __name__ == "__main__":
    main()
