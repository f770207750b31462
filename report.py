"""From logs of inspect eval: how often a model passes, what it finds and misses, what that takes, and the next command.

    python report.py LOG [LOG ...] [--out FOLDER]      # files or folders of logs, or their addresses

Logs of one model count together, those of several stand one after the other. A rate is a tuple (low, rate, high) with
the ends of its 95% interval.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from inspect_ai.log import EvalLog

from attempts import read
from commands import folder, in_words, label, save_config
from difficulty.band import BAND, interval
from difficulty.choose import in_band
from difficulty.find_rates import Posterior, fit
from reference.architecture import RARITY

SURE = 0.95
MOST_ROWS = 40
RATES = ["measured", "predicted", "rate"]  # columns that are drawn
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
    keys = ["departures", "id"] if attempts["id"].nunique() <= MOST_ROWS else ["departures"]
    parts = attempts.groupby(keys)
    rates = {
        "attempts": parts.size(),
        "measured": parts["passed"].agg(lambda passed: counted(passed.sum(), len(passed))),
        "predicted": parts[["id", "told"]].apply(lambda part: expected(row_rates(part, posterior))),
    }
    return pd.DataFrame(rates).reset_index()[[*keys[::-1], *rates]]


def found(attempts: pd.DataFrame, posterior: Posterior) -> pd.DataFrame:
    """In how many attempts a departure was found or not, and its find rate, for which every attempt counts."""
    ends = []
    for told, other in zip(attempts["told"], attempts["other value"]):
        kinds = (told.found, told.missed.difference(other), told.missed, told.departures)
        for name in told.departures:
            ends.append((name, next(end for end, names in zip(ENDS, kinds) if name in names)))
    frame = pd.crosstab(*np.transpose(ends), rownames=["departure"], colnames=[""])
    frame = frame.reindex(columns=ENDS, fill_value=0)
    frame.insert(0, "hidden in", frame.sum(axis=1))
    rates = posterior.find_rates()
    frame["rate"] = [expected(rates[name]) for name in frame.index]
    return frame.sort_values("rate", key=lambda rates: rates.str[1]).reset_index()


def right(attempts: pd.DataFrame) -> pd.DataFrame:
    """Of the failures where it was told, how many had each part right."""
    tell = attempts["right"].dropna()
    parts = tell.explode().value_counts()
    rates = [counted(number, len(tell)) for number in parts]
    return pd.DataFrame({"part": parts.index, "right in": parts, "rate": rates})


def next_command(
    logs: list[EvalLog], attempts: pd.DataFrame, rates: np.ndarray, config: Path
) -> tuple[str, str]:
    """What to do next, and its command. rates: draws of the rate of all rows. config: the file that it may need."""
    likely = in_band(rates).mean()
    if likely >= SURE:
        build = ["python", "build_dataset.py", "--like", *dict.fromkeys(map(folder, logs))]
        return "Train on variants like these", in_words(
            [*build, "--rate", "0.25", "--count", "1000"]
        )
    if likely <= 1 - SURE:
        save_config(logs, config, limit=None, sample_id=None)
        limit = ["--budget", "5"] if attempts["US dollars"].any() else ["--attempts", "80"]
        calibrate = in_words(["python", "calibrate.py", "--run-config", config, *limit])
        hard = "hard" if rates.mean() < BAND[0] else "easy"
        return f"Too {hard}: find variants that suit this model", calibrate
    save_config(logs, config, epochs=-(-len(attempts) // attempts["id"].nunique()))
    again = ["inspect", "eval", "--run-config", config, "--log-dir", folder(logs[-1])]
    return "Not certain yet: try as often again", in_words(again)


def one_model(
    logs: list[EvalLog], attempts: pd.DataFrame, config: Path
) -> tuple[str, dict[str, pd.DataFrame]]:
    """Verdict with the next command; title -> table."""
    posterior = fit([*attempts["told"]], RARITY)
    rates = row_rates(attempts, posterior)
    what, command = next_command(logs, attempts, rates, config)
    failed, limited = attempts[~attempts["passed"]], int(attempts["limited"].sum())
    tried, passed = len(attempts), len(attempts) - len(failed)
    verdict = (
        f"{passed} of {tried} attempts passed: {text(counted(passed, tried))}. That the rate of "
        f"these {attempts['id'].nunique()} variants is {BAND[0]:.0%} to {BAND[1]:.0%} has a "
        f"probability of {in_band(rates).mean():.0%}. {limited} attempts were ended by a limit"
        f"{': THE RATES ARE NOT VALID, raise it' * (limited > 0)}. {what}:\n\n    {command}"
    )
    ends = attempts["passed"].map({True: "passes", False: "failures"})
    return verdict, {
        "How often each row is passed": by_row(attempts, posterior),
        "Why attempts fail": failed["reason"].value_counts().reset_index(),
        "What is found": found(attempts, posterior),
        "What ports do that the original does not": failed["added"]
        .explode()
        .value_counts()
        .reset_index(),
        "Parts that are right in failures": right(attempts),
        "What attempts take": attempts.groupby(ends)[EFFORT].mean().reset_index(names="means of"),
    }


def markdown(title: str, frame: pd.DataFrame) -> str:
    cells = frame.map(text).to_numpy().tolist()
    lines = [[*frame.columns], ["---"] * len(frame.columns), *cells]
    return "\n".join([f"### {title}", "", *("| " + " | ".join(line) + " |" for line in lines)])


def text(value: Any) -> str:
    if isinstance(value, tuple):
        low, rate, high = value
        return f"{rate:.0%} ({low:.0%} to {high:.0%})"
    if isinstance(value, float):
        return "-" if np.isnan(value) else f"{value:,.3g}"
    return str(value)


def draw(panels: dict[str, pd.DataFrame], path: Path) -> None:
    """All rates with their intervals, on white so that they read on dark pages too. panels: title -> frame with names in
    its first column."""
    sizes = [len(frame) + 2 for frame in panels.values()]
    figure, grid = plt.subplots(
        len(panels),
        figsize=(7, 0.27 * sum(sizes) + 0.6),
        height_ratios=sizes,
        squeeze=False,
        layout="constrained",
    )
    for axes, (title, frame) in zip(grid[:, 0], panels.items()):
        for shift, column in enumerate(frame.columns.intersection(RATES)):
            low, rate, high = 100 * np.transpose(frame[column].tolist())
            places = np.arange(len(frame)) + 0.2 * shift
            axes.errorbar(rate, places, xerr=(rate - low, high - rate), fmt="o", label=column)
        if "measured" in frame:
            axes.axvspan(*np.multiply(100, BAND), color="#d9ead3", label="the band")
        axes.set_yticks(range(len(frame)), frame.iloc[:, 0], fontsize=8)
        axes.set(title=title, xlim=(-2, 102), xlabel="%, with 95% intervals")
        axes.invert_yaxis()
        axes.legend(fontsize=8, loc="lower right")
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
    page, panels = ["# Report", *(f"- {note}" for note in notes)], {}
    for number, (model, attempts) in enumerate(every.groupby("model", sort=False), 1):
        logs = [log for log in headers if label(log) == model]
        verdict, tables = one_model(logs, attempts, out / f"run{number}.json")
        print(f"{model}: {verdict}\n")
        filled = {title: frame for title, frame in tables.items() if len(frame)}
        page += [f"## {model}", verdict, *(markdown(*table) for table in filled.items())]
        for title, frame in filled.items():
            if frame.columns.isin(RATES).any():
                panels[f"{model}: {title}"] = frame
    draw(panels, out / "report.png")
    page.append("![the rates of the tables, with their intervals](report.png)")
    (out / "report.md").write_text("\n\n".join(page) + "\n", encoding="utf-8")
    print(f"Report: {out / 'report.md'}")


if __name__ == "__main__":
    main()
