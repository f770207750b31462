"""From Inspect logs: the rung to train on, how sure that is, why attempts failed, and the next command.

    python report.py logs                 # every log in a folder, or single files; --out FOLDER

A rung is a number of departures; one that a model passes 10 to 40% of the time is in the band. Rates of rungs
are p_k ~ Beta(s m_k, s (1 - m_k)) around m_k = c q^k: a departure is found with probability q, all the rest is
right with probability c, and s says how far a rung may stray from that. Given c, q and s the posterior of p_k
is a Beta distribution; they are averaged over a grid, each point of which is as likely before the run.
"""

import argparse
import json
import re
import shlex
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from inspect_ai.analysis import SampleColumn, SampleSummary, samples_df
from inspect_ai.log import EvalLog, EvalSample, list_eval_logs, read_eval_log
from scipy.special import betainc
from scipy.stats import betabinom, binomtest

matplotlib.use("Agg")
import matplotlib.pyplot as plt

TASK = "orphan_checkpoint"
VERSION = int(
    re.findall(r"version=(\d+)", Path(__file__).with_name("inspect_task.py").read_text())[0]
)
BAND = (0.1, 0.4)
RUNGS = np.arange(1, 13)
"""What build_dataset.py can write."""
NAMED = 0.85
"""The least probability of being in the band with which a rung is named; benchmarks/report_statistics.py."""
SETTLED = 0.9
"""The probability, of being in the band or out of it, that needs no more epochs."""
C, Q, S = (
    x.ravel()
    for x in np.meshgrid(np.linspace(0.25, 1, 4), np.linspace(0.02, 0.995, 30), [1, 2, 4, 8, 16, 64, 1000])
)  # fmt: skip
MEAN = C * Q ** RUNGS[:, None]


# What the attempts say of the rungs


def interval(passed: int, attempts: int) -> tuple[float, float]:
    """95% Wilson interval."""
    low, high = binomtest(passed, attempts).proportion_ci(method="wilson")
    return float(low), float(high)


def inside(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The probability of the band under Beta(a, b)."""
    low, high = BAND
    return betainc(a, b, high) - betainc(a, b, low)


@dataclass(frozen=True)
class Ladder:
    """The rungs that a model was tried on: passed and attempts of each of RUNGS."""

    passed: np.ndarray
    attempts: np.ndarray

    @classmethod
    def of(cls, tries: pd.DataFrame) -> "Ladder":
        """tries: a row per attempt, with columns departures and passed."""
        rungs = tries.groupby("departures")["passed"].agg(["sum", "count"])
        rungs = rungs.reindex(RUNGS, fill_value=0).astype(int)
        return cls(rungs["sum"].to_numpy(), rungs["count"].to_numpy())

    @property
    def posterior(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Weights of the grid (G,), and for each rung the two parameters of its Beta there (12, G)."""
        a, b = S * MEAN, S * (1 - MEAN)
        fit = betabinom.logpmf(self.passed[:, None], self.attempts[:, None], a, b).sum(0)
        weights = np.exp(fit - fit.max())
        failed = self.attempts - self.passed
        return weights / weights.sum(), a + self.passed[:, None], b + failed[:, None]

    @property
    def in_band(self) -> np.ndarray:
        """For each of RUNGS the probability that its rate lies in the band, tried or not."""
        weights, a, b = self.posterior
        return inside(a, b) @ weights

    @property
    def likeliest(self) -> int | None:
        """The tried rung that is likeliest in the band; None if each is likelier out of it."""
        of_tried = np.where(self.attempts > 0, self.in_band, 0)
        return int(RUNGS[of_tried.argmax()]) if of_tried.max() >= 0.5 else None

    @property
    def to_generate(self) -> int:
        """The rung not yet tried that is likeliest in the band."""
        return int(RUNGS[np.where(self.attempts > 0, -1, self.in_band).argmax()])

    def more_attempts(self, rung: int, chance: float = 0.5) -> tuple[int, float]:
        """The least number of further attempts, of 10, 20, 30, 50, 70, 100, ... 1000, that settles with such a
        chance whether the rung is in the band, and that chance."""
        weights, a, b = (x[rung - 1] if x.ndim == 2 else x for x in self.posterior)
        for more in (10, 20, 30, 50, 70, 100, 150, 200, 300, 500, 1000):
            passed = np.arange(more + 1)[:, None]
            joint = weights * betabinom.pmf(passed, more, a, b)
            after = (joint * inside(a + passed, b + more - passed)).sum(1) / joint.sum(1)
            settled = joint.sum(1)[(after >= SETTLED) | (after <= 1 - SETTLED)].sum()
            if settled >= chance:
                break
        return more, float(settled)


# Reading logs


def of_score(name: str) -> SampleColumn:
    """A field of the score's metadata, or its explanation."""

    def get(sample: EvalSample) -> Any:
        score = (sample.scores or {}).get("parity")
        return score and ({"explanation": score.explanation} | (score.metadata or {})).get(name)

    return SampleColumn(f"of_{name}", path=get, full=True)


FIELDS = ("reason", "missed", "limit", "hash", "explanation")
COLUMNS = [*SampleSummary, *map(of_score, FIELDS)]


def found_logs(path: Path) -> list[str]:
    """The logs of a file or folder, oldest first."""
    return [str(path)] if path.is_file() else [i.name for i in list_eval_logs(str(path))][::-1]


def read(paths: list[str]) -> tuple[list[EvalLog], pd.DataFrame, list[str]]:
    """Headers of the logs that can be used, a row per scored attempt, and a line for all that is left out."""
    headers, frames, notes = [], [], []
    for path in paths:
        logs = found_logs(Path(path))
        if not logs:
            missing = "holds no log" if Path(path).is_dir() else "no such file or folder"
            notes.append(f"{path}: {missing}")
        for name in logs:
            try:
                header = read_eval_log(name, header_only=True)
            except Exception as error:
                notes.append(f"{name}: not a whole Inspect log ({type(error).__name__})")
                continue
            unusable = {
                f"a log of the task {header.eval.task}, not of {TASK}": header.eval.task != TASK,
                f"task version {header.eval.task_version}, this is version {VERSION}": (
                    header.eval.task_version != VERSION
                ),
            }
            if why := [text for text, applies in unusable.items() if applies]:
                notes.append(f"{name}: {why[0]}; left out")
                continue
            frame, lines = attempts(name, header)
            notes += [f"{name}: {line}" for line in lines]
            if len(frame):
                headers.append(header)
                frames.append(frame)
    if not frames:
        return [], pd.DataFrame(), notes
    tries = pd.concat(frames).drop_duplicates("sample_id")
    graders = tries.groupby("id")["of_hash"].nunique()
    notes += [
        f"row {i}: graded by {n} versions of the verifier" for i, n in graders.items() if n > 1
    ]
    return headers, tries, notes


def attempts(name: str, header: EvalLog) -> tuple[pd.DataFrame, list[str]]:
    """The scored attempts of a log, and what there is to say of the others."""
    why = f": {header.error.message.splitlines()[0]}" if header.error else ""
    frame, _ = samples_df(name, COLUMNS, strict=False, quiet=True)
    cut = [f"the run is cut off ({header.status}{why})"] if header.status != "success" else []
    if not len(frame):
        return frame, [*cut, "no samples"][:1]
    frame = frame.astype(object).where(frame.notna(), None)
    scored = frame[frame["of_reason"].notna()].copy()
    errors = [str(e).strip().splitlines()[0] for e in frame["error"] if e]
    lines = [f"{line}; its {len(scored)} finished attempts count" for line in cut]
    if errors:
        lines.append(
            f"{len(errors)} of {len(frame)} attempts ended in an error and are left out: {errors[0]}"
        )
    elif len(scored) < len(frame):
        lines.append(
            f"{len(frame) - len(scored)} of {len(frame)} attempts are not scored and are left out"
        )
    return describe(scored, header), lines


def describe(scored: pd.DataFrame, header: EvalLog) -> pd.DataFrame:
    """The columns that the report needs, in its units."""
    usage = [list(json.loads(u or "{}").values()) for u in scored["model_usage"]]
    kinds = (
        "input_tokens",
        "input_tokens_cache_write",
        "input_tokens_cache_read",
        "output_tokens",
        "total_cost",
    )
    for kind in kinds:
        scored[kind] = [
            sum(u.get(kind) or 0 for u in models) if models else np.nan for models in usage
        ]
    scored["dollars"] = scored["total_cost"].where(scored["total_cost"] > 0)
    return scored.assign(
        model=label(header),
        log=str(header.location),
        departures=scored["metadata_departures"].astype(int),
        hidden=[json.loads(a).keys() - {"heads"} for a in scored["metadata_architecture"]],
        missed=[json.loads(m) if m else None for m in scored["of_missed"]],
        passed=scored["score_parity"].astype(int),
        limited=scored["of_limit"].astype(bool) | scored["limit"].notna(),
        start=[
            int(m[1]) if (m := re.search(r"from position (\d+)", str(e))) else None
            for e in scored["of_explanation"]
        ],
        minutes=scored["working_time"].astype(float) / 60,
    )


def settings(header: EvalLog) -> dict[str, dict[str, Any]]:
    """Flag of inspect eval -> its settings in this run, of all that changes how the model acts."""
    e = header.eval
    task = {k: v for k, v in e.task_args_passed.items() if k != "departures"}
    return {
        "-T": task,
        "-S": dict(e.solver_args_passed or {}),
        "-M": dict(e.model_args),
        "--": e.model_generate_config.model_dump(exclude_none=True),
    }


def label(header: EvalLog) -> str:
    """The model, its solver if it is not the task's own, and their settings without a seed."""
    given = {k: v for flag, s in settings(header).items() if flag != "-T" for k, v in s.items()}
    solver = [header.eval.solver.rpartition("@")[2]] if header.eval.solver else []
    return " ".join(
        [header.eval.model, *solver, *(f"{k}={v}" for k, v in given.items() if k != "seed")]
    )


def command(header: EvalLog, task: dict[str, Any], epochs: int) -> str:
    """The command that runs other attempts as those of this log, into its folder."""
    e, given = header.eval, settings(header)
    given["-T"] |= task
    if "seed" in given["-S"]:  # the same seed would repeat the same attempts
        given["-S"]["seed"] += 1
    flags = {
        "--epochs": epochs,
        "--model": e.model,
        "--solver": e.solver,
        "--sandbox": e.sandbox.type if e.sandbox and e.sandbox.type != "docker" else None,
        "--message-limit": e.config.message_limit if e.config.message_limit != 400 else None,
        "--log-dir": folder(header),
    }
    words = ["inspect", "eval", "inspect_task.py"]
    words += [
        w for flag in ("-T", "-S", "-M") for k, v in given[flag].items() for w in (flag, f"{k}={v}")
    ]
    words += [w for k, v in given["--"].items() for w in (f"--{k.replace('_', '-')}", str(v))]
    words += [w for flag, value in flags.items() if value is not None for w in (flag, str(value))]
    return shlex.join(words)


def folder(header: EvalLog) -> Path:
    """The folder of a log, from the working directory if it is below."""
    place = Path(header.location.removeprefix("file://")).resolve().parent
    return place.relative_to(Path.cwd()) if place.is_relative_to(Path.cwd()) else place


# The report


def verdict(
    ladder: Ladder, headers: list[EvalLog], rows: dict[int, int]
) -> tuple[list[str], str | None]:
    """The rung, its probability and what to do next in words, and the command. headers: of this model's logs,
    oldest first; rows: rows of each tried rung."""
    rung, other, chances = ladder.likeliest, ladder.to_generate, ladder.in_band
    if rung:
        chance = chances[rung - 1]
        how = "Train on" if chance >= NAMED else "No rung is certain enough yet; the likeliest is"
        lines = [
            f"{how} {rung} departures: the rate lies in {IN_WORDS} with a probability of {chance:.0%}."
        ]
        if chance >= SETTLED:
            return [*lines, "That is settled."], None
        more, sure = ladder.more_attempts(rung)
        epochs = -(-more // rows[rung])
        lines.append(
            f"{epochs} more epochs of this rung settle it, at {SETTLED:.0%}, with a chance of {sure:.0%}:"
        )
        return lines, command(headers[-1], {"departures": rung}, epochs)
    lines = [f"No rung that was tried is in {IN_WORDS}."]
    if chances[other - 1] < 0.05 or len(rows) == len(RUNGS):
        easy = ladder.passed.sum() > ladder.attempts.sum() / 2
        return [
            *lines,
            f"No number of departures suits: this model is too {'strong' if easy else 'weak'}.",
        ], None
    lines.append(
        f"Generate one with {other} departures (probability {chances[other - 1]:.0%}) and run it:"
    )
    file = f"rung-{other}.jsonl"
    build = f"python build_dataset.py --departures {other} --count 10 --seed 2 --out {file}"
    return lines, f"{build} && {command(headers[-1], {'dataset': file}, 1)}"


IN_WORDS = "-".join(f"{edge:.0%}" for edge in BAND).replace("%-", "-")


def table(rows: list[dict[str, Any]]) -> str:
    """Rows as a Markdown table; the keys of the first are its head."""
    lines = [list(rows[0]), ["---"] * len(rows[0]), *(row.values() for row in rows)]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def share(passed: int, attempts: int) -> str:
    low, high = interval(passed, attempts)
    return f"{passed / attempts:.2f} ({low:.2f}-{high:.2f})"


def heading(headers: list[EvalLog], tries: pd.DataFrame) -> list[dict[str, Any]]:
    logs = [h.eval for h in headers]
    return {
        "model": tries["model"].iloc[0],
        "when (UTC)": " and ".join(dict.fromkeys(e.created[:16].replace("T", " ") for e in logs)),
        "task version": VERSION,
        "variants": tries["id"].nunique(),
        "epochs": ", ".join(str(e.config.epochs) for e in logs),
        "attempts": len(tries),
        "passed": tries["passed"].sum(),
    }


def rungs(tries: pd.DataFrame) -> list[dict[str, Any]]:
    chances = Ladder.of(tries).in_band
    return [
        {
            "departures": k,
            "model": tries["model"].iloc[0],
            "variants": of_rung["id"].nunique(),
            "passed": f"{of_rung['passed'].sum()} of {len(of_rung)}",
            "pass rate (95% interval)": share(of_rung["passed"].sum(), len(of_rung)),
            f"probability of {IN_WORDS}": f"{chances[k - 1]:.2f}",
        }
        for k, of_rung in tries.groupby("departures")
    ]


def by_departure(tries: pd.DataFrame) -> list[dict[str, Any]]:
    """For each departure: attempts where it was hidden, those that tell whether it was found, and how often."""
    tell = tries[(tries["passed"] == 1) | tries["missed"].notna()]
    hidden = Counter(name for names in tries["hidden"] for name in names)
    known = Counter(name for names in tell["hidden"] for name in names)
    missed = Counter(name for names in tell["missed"] if names for name in names)
    order = sorted(known, key=lambda name: (1 - missed[name] / known[name], -known[name], name))
    return [
        {
            "departure": name,
            "hidden in": hidden[name],
            "of these, explained": known[name],
            "found in": known[name] - missed[name],
            "found (95% interval)": share(known[name] - missed[name], known[name]),
        }
        for name in order
    ]


MEANS = {
    "minutes": "minutes",
    "model calls": "turn_count",
    "messages": "message_count",
    "input tokens": "input_tokens",
    "written to cache": "input_tokens_cache_write",
    "read from cache": "input_tokens_cache_read",
    "output tokens": "output_tokens",
    "US dollars": "dollars",
}


def effort(tries: pd.DataFrame) -> list[dict[str, Any]]:
    """Means of what an attempt took, for passes and failures."""
    return [
        {"model": tries["model"].iloc[0], "attempts that": name, "number": len(part)}
        | {title: mean(part[column]) for title, column in MEANS.items()}
        for name, part in (
            ("passed", tries[tries["passed"] == 1]),
            ("failed", tries[tries["passed"] == 0]),
        )
        if len(part)
    ]


def mean(values: pd.Series) -> str:
    """To three digits, or a dash where nothing was recorded."""
    values = values.dropna().astype(float)
    return f"{float(f'{values.mean():.3g}'):,g}" if len(values) else "-"


# Pictures, on white so that they read on dark pages too

COLOURS = ("#1f5fa8", "#b5531c", "#2c7a4b", "#7a3f98", "#8a6d00")
MARKERS = "osD^v"


def draw_ladder(models: list[pd.DataFrame], path: Path) -> None:
    """Pass rate of each rung with its interval, and the band."""
    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    axes.axhspan(
        *(100 * edge for edge in BAND), color="#d9ead3", zorder=0, label=f"to train on, {IN_WORDS}"
    )
    for i, tries in enumerate(models):
        k, n, s = (
            np.array(x)
            for x in zip(*((k, len(p), p.sum()) for k, p in tries.groupby("departures")["passed"]))
        )
        low, high = np.array([interval(*pair) for pair in zip(s, n)]).T
        x, rate = k + 0.15 * (i - (len(models) - 1) / 2), s / n
        title = f"{tries['model'].iloc[0]}, {len(tries)} attempts"
        bars = 100 * np.maximum(0, [rate - low, high - rate])
        axes.errorbar(
            x, 100 * rate, bars, fmt=MARKERS[i % 5], color=COLOURS[i % 5], capsize=4, label=title
        )
    axes.set(xlabel="departures", ylabel="pass rate, % (95% Wilson interval)", ylim=(-2, 102))
    axes.set_xticks(sorted({k for tries in models for k in tries["departures"]}))
    axes.grid(axis="y", color="#dddddd")
    axes.legend(frameon=True, fontsize=8)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def draw_departures(found: list[dict[str, Any]], path: Path) -> None:
    """How often each departure was found, the hardest on top."""
    figure, axes = plt.subplots(figsize=(7, 1 + 0.26 * len(found)), layout="constrained")
    for y, row in enumerate(found[::-1]):
        n, s = row["of these, explained"], row["found in"]
        low, high = interval(s, n)
        axes.plot(
            [100 * low, 100 * high], [y, y], color="#8fb3d9", linewidth=5, solid_capstyle="butt"
        )
        axes.plot(100 * s / n, y, "o", color=COLOURS[0])
    axes.set_yticks(
        range(len(found)),
        [f"{r['departure']} ({r['of these, explained']})" for r in found[::-1]],
        fontsize=8,
    )
    axes.set(
        xlabel="found, % of the explained attempts where it was hidden (95% Wilson interval)",
        xlim=(-2, 102),
    )
    axes.grid(axis="x", color="#dddddd")
    figure.savefig(path, dpi=150)
    plt.close(figure)


def write(headers: list[EvalLog], tries: pd.DataFrame, notes: list[str], out: Path) -> list[str]:
    """report.md and its pictures; the main lines."""
    out.mkdir(parents=True, exist_ok=True)
    models = [
        (name, part, [h for h in headers if label(h) == name])
        for name, part in tries.groupby("model", sort=False)
    ]
    heads = [heading(logs, part) for _, part, logs in models]
    draw_ladder([part for _, part, _ in models], out / "ladder.png")
    text = [
        "# Report",
        table(
            [
                {"": key, **{str(i): head[key] for i, head in enumerate(heads, 1)}}
                for key in heads[0]
            ]
        ),
        *(f"- **Left out or to be noted:** {note}" for note in notes),
        "## Which rung",
        "![pass rate against departures](ladder.png)",
        table(
            sorted(
                (row for _, part, _ in models for row in rungs(part)),
                key=lambda row: row["departures"],
            )
        ),
        __doc__.split("\n\n")[-1].strip(),
    ]
    main = []
    for name, part, logs in models:
        lines, order = verdict(
            Ladder.of(part), logs, part.groupby("departures")["id"].nunique().to_dict()
        )
        main += [f"{name}:", *lines, *([f"  {order}"] if order else [])]
        text += [f"**{name}.** {' '.join(lines)}", *([f"```\n{order}\n```"] if order else [])]
    text += ["## Why attempts failed"]
    for i, (name, part, _) in enumerate(models, 1):
        failed = part[part["passed"] == 0]
        silent = int(failed["missed"].isna().sum())
        reasons = ", ".join(
            f"{reason} {n}" for reason, n in Counter(failed["of_reason"]).most_common()
        )
        starts = ", ".join(
            f"{int(at)}: {n}" for at, n in sorted(Counter(failed["start"].dropna()).items())
        )
        stopped = int(part["limited"].sum())
        limits = f"{stopped} attempts were ended by a limit"
        text += [
            f"**{name}.** {len(failed)} of {len(part)} attempts failed: {reasons or 'none'}.",
            f"- Position where the error starts: {starts or 'none'}.",
            f"- {limits}{': THE FIGURES ARE NOT VALID, raise the limit and run again' if stopped else ''}.",
            f"- {silent} failures are not explained by missed departures and do not count below.",
        ]
        main += [f"{limits}: the figures are not valid"] if stopped else []
        if found := by_departure(part):
            draw_departures(found, out / f"departures-{i}.png")
            text += [f"![how often each departure was found](departures-{i}.png)", table(found)]
    text += [
        "## What an attempt took",
        "Means.",
        table([row for _, part, _ in models for row in effort(part)]),
    ]
    (out / "report.md").write_text(
        re.sub(r"\n\n- ", "\n- ", "\n\n".join(text)) + "\n", encoding="utf-8"
    )
    return main


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "logs", nargs="+", metavar="LOG", help="a log of inspect eval, or a folder of logs"
    )
    parser.add_argument("--out", type=Path, help="folder to write (report, beside the first log)")
    options = parser.parse_args()
    headers, tries, notes = read(options.logs)
    for note in notes:
        print(note, file=sys.stderr)
    if not headers:
        sys.exit(2)
    out = options.out or folder(headers[0]) / "report"
    print("\n".join(write(headers, tries, notes, out)))
    print(f"Report: {out / 'report.md'}")


if __name__ == "__main__":
    main()
