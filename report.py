"""From logs of inspect eval: the rung to train on, how sure that is, why attempts failed, and the next command.

    python report.py LOG [LOG ...] [--out FOLDER]      # files, or folders of logs

A rung is a number of departures; which one to train on is settled in rungs.py. Several logs of a model count
together, those of several models stand side by side.
"""

import argparse
import json
import re
import shlex
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from inspect_ai.analysis import SampleColumn, samples_df
from inspect_ai.log import EvalLog, EvalSample, list_eval_logs, read_eval_log

from rungs import BAND, BAND_IN_WORDS, RUNGS, SETTLED, choose, counts, in_band, interval, to_settle

TASK, ROOT = "orphan_checkpoint", Path(__file__).parent
VERSION = int(re.findall(r"version=(\d+)", (ROOT / "inspect_task.py").read_text())[0])


# Logs

TOKENS = {
    "input tokens": "input_tokens",
    "written to cache": "input_tokens_cache_write",
    "read from cache": "input_tokens_cache_read",
    "output tokens": "output_tokens",
}


def facts(sample: EvalSample) -> dict[str, Any]:
    """Of a sample, what the report needs."""
    score, usage = (sample.scores or {}).get("parity"), list(sample.model_usage.values())
    about, explanation = (score.metadata or {}, score.explanation) if score else ({}, "")
    start = re.search(r"from position (\d+)", explanation or "")
    costs = [u.total_cost for u in usage if u.total_cost is not None]
    return {
        "attempt": sample.uuid,
        "id": sample.id,
        "epoch": sample.epoch,
        "departures": sample.metadata.get("departures"),
        "hidden": [name for name in sample.metadata.get("architecture", ()) if name != "heads"],
        "passed": score and score.as_int(),
        **{name: about.get(name) for name in ("reason", "missed", "hash")},
        "start": start and int(start[1]),
        "limited": bool(sample.limit),
        "error": sample.error and first_line(sample.error.message),
        "minutes": (sample.working_time or 0) / 60,
        "model calls": sum(event.event == "model" for event in sample.events),
        "messages": len(sample.messages),
        **{what: sum(getattr(u, field) or 0 for u in usage) for what, field in TOKENS.items()},
        "US dollars": sum(costs) if costs else None,
    }


def first_line(text: str) -> str:
    return text.strip().partition("\n")[0][:160]


def read(paths: list[str]) -> tuple[list[EvalLog], pd.DataFrame, list[str]]:
    """Headers of the logs that count, oldest first; a row for each scored attempt; lines on what is left out."""
    headers, frames, notes = {}, [pd.DataFrame()], []
    for path in paths:
        is_log = path.endswith((".eval", ".json")) if remote(path) else Path(path).is_file()
        try:
            names = [path] if is_log else [log.name for log in list_eval_logs(path)]
        except Exception as error:  # whatever keeps an address from being read
            notes.append(f"{path}: cannot be listed ({first_line(str(error))})")
            continue
        if not names:
            there = remote(path) or Path(path).is_dir()
            notes.append(f"{path}: {'no log in it' if there else 'no such file or folder'}")
        for name in names:
            header, attempts, note = read_one(name)
            notes += [f"{name.removeprefix('file://')}: {note}"] if note else []
            if header:
                headers[header.eval.eval_id] = header
                frames.append(attempts)
    attempts = pd.concat(frames)
    if headers:
        attempts = attempts.drop_duplicates("attempt")
        graders = attempts.groupby("id")["hash"].nunique()
        if mixed := [row for row, n in graders.items() if n > 1]:
            notes.append(f"versions of the verifier are mixed for {', '.join(mixed)}")
    return sorted(headers.values(), key=lambda log: log.eval.created), attempts, notes


def read_one(name: str) -> tuple[EvalLog | None, pd.DataFrame, str]:
    """Header and scored attempts of a log, and a line if not all of it counts; no header if nothing does."""
    try:
        header = read_eval_log(name, header_only=True)
        columns = [SampleColumn("facts", path=facts, full=True)]
        samples, _ = samples_df(name, columns, strict=False, quiet=True)
    except Exception as error:
        why = f"not an Inspect log, or a broken one ({first_line(str(error))})"
        return None, pd.DataFrame(), why
    e, every = header.eval, [json.loads(one) for one in samples.get("facts", ())]
    scored = [one for one in every if one["reason"]]
    errors = [f", one after the error {one['error']}" for one in every if one["error"]]
    why = f", {first_line(header.error.message)}" if header.error else ""
    cut, ended = header.status != "success", f"cut off ({header.status}{why})"
    lost, example = len(every) - len(scored), (*errors, "")[0]
    faults = {
        f"of the task {e.task}, not of {TASK}": e.task != TASK,
        f"of task version {e.task_version}; this is version {VERSION}": e.task_version != VERSION,
        f"{ended} before a sample ended": cut and not every,
        "no samples": not every,
        f"none of {lost} attempts has a score{example}": not scored,
    }
    gaps = {
        f"{ended}; {len(scored)} attempts count": cut,
        f"{lost} of {len(every)} attempts have no score{example}": lost > 0,
    }
    for fault in (text for text, applies in faults.items() if applies):
        return None, pd.DataFrame(), f"left out: {fault}"
    note = "; ".join(text for text, applies in gaps.items() if applies)
    attempts = pd.DataFrame(scored).assign(model=label(header), log=header.eval.eval_id)
    if "seed" in settings(header)["-S"]:  # the same seed makes the same attempt
        seed = f"{label(header)} {settings(header)['-S']['seed']}"
        attempts["attempt"] = [f"{seed} {one['id']} {one['epoch']}" for one in scored]
    return header, attempts, note


def settings(header: EvalLog) -> dict[str, dict[str, Any]]:
    """Flag of inspect eval -> its settings, of all that changes how a model acts."""
    e = header.eval
    config = e.model_generate_config.model_dump(exclude_none=True)
    given = {"-S": e.solver_args_passed or {}, "-M": e.model_args, "--": config}
    plain = (bool, int, float, str)
    return {f: {k: v for k, v in s.items() if isinstance(v, plain)} for f, s in given.items()}


def label(header: EvalLog) -> str:
    """The model, a solver that is not the task's own, and settings but the seed."""
    given = [pair for flags in settings(header).values() for pair in flags.items()]
    solver = [header.eval.solver.rpartition("@")[2]] if header.eval.solver else []
    return " ".join([header.eval.model, *solver, *(f"{k}={v}" for k, v in given if k != "seed")])


def command(header: EvalLog, seed: int, epochs: int, **task: Any) -> str:
    """What runs further attempts like those of a log, into its folder; with that seed if its solver has one."""
    e, given = header.eval, settings(header)
    if "seed" in given["-S"]:  # the same one would repeat the attempts
        given["-S"]["seed"] = seed
    given["-T"] = {k: v for k, v in e.task_args_passed.items() if k != "departures"} | task
    words = ["inspect", "eval", "inspect_task.py", "--model", e.model, "--epochs", str(epochs)]
    words += ["--solver", e.solver] if e.solver else []
    for flag in ("-T", "-S", "-M"):
        words += [word for k, v in given[flag].items() for word in (flag, f"{k}={v}")]
    words += [word for k, v in given["--"].items() for word in (f"--{k.replace('_', '-')}", f"{v}")]
    words += ["--sandbox", e.sandbox.type] if e.sandbox and e.sandbox.type != "docker" else []
    return shlex.join([*words, "--log-dir", folder(header)])


def remote(place: str) -> bool:
    return "://" in place and not place.startswith("file://")


def folder(header: EvalLog) -> str:
    """Of a log: its address, or a path, from the working directory if it is below."""
    if remote(header.location):
        return header.location.rpartition("/")[0]
    place = Path(header.location.removeprefix("file://")).resolve().parent
    return str(place.relative_to(Path.cwd()) if place.is_relative_to(Path.cwd()) else place)


# The report


def verdict(attempts: pd.DataFrame, logs: list[EvalLog]) -> tuple[str, str]:
    """The rung and its probability, and the next command. logs: of this model, oldest first."""
    passed, tried = counts(attempts)
    rung, chance, act = choose(passed, tried)
    odds = f"probability {chance:.0%} that it is passed {BAND_IN_WORDS} of the time"
    seed = 1 + max(settings(log)["-S"].get("seed", 0) for log in logs)
    build = f"python build_dataset.py --departures {rung} --count"
    if act == "stop":
        return (
            "No rung is left: those that were tried are passed too often or too seldom, and there is none "
            "between or beyond them. Another model:",
            "inspect eval inspect_task.py --epochs 10 --model PROVIDER/MODEL",
        )
    if act == "generate":
        run = command(logs[-1], seed, 1, dataset=f"rung-{rung}.jsonl")
        return (
            f"No rung that was tried is in the band. Generate {rung} departures, {odds}:",
            f"{build} 10 --seed 2 --out rung-{rung}.jsonl && {run}",
        )
    name = (
        f"Train on {rung} departures" if act == "train" else f"Not certain yet: {rung} departures"
    )
    if chance >= SETTLED:
        return (
            f"{name}, {odds}. Variants to train on:",
            f"{build} 1000 --seed 3 --out train.jsonl",
        )
    more, sure = to_settle(passed, tried, rung)
    rows = attempts[attempts["departures"] == rung]
    epochs = -(-more // rows["id"].nunique())
    *_, last = (log for log in logs if log.eval.eval_id in set(rows["log"]))
    return (
        f"{name}, {odds}. With a chance of {sure:.0%}, {epochs} more epochs settle that ({SETTLED:.0%} in or out):",
        command(last, seed, epochs, departures=rung),
    )


def share(passed: int, tried: int) -> str:
    low, high = interval(passed, tried)
    return f"{passed / tried:.2f} ({low:.2f}-{high:.2f})"


def table(columns: dict[str, list]) -> str:
    """In Markdown."""
    rows = [list(columns), ["---"] * len(columns), *zip(*columns.values())]
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in rows)


def heading(models: dict[str, pd.DataFrame], logs: dict[str, list[EvalLog]]) -> str:
    evals = [[log.eval for log in logs[name]] for name in models]
    return table(
        {
            "model": list(models),
            "run (UTC)": [", ".join(e.created[:16].replace("T", " ") for e in es) for es in evals],
            "task version": [VERSION] * len(models),
            "samples": [part["id"].nunique() for part in models.values()],
            "epochs": [", ".join(str(e.config.epochs) for e in es) for es in evals],
            "attempts": [len(part) for part in models.values()],
            "passed": [int(part["passed"].sum()) for part in models.values()],
        }
    )


def rates(models: dict[str, pd.DataFrame]) -> str:
    """A row for each rung, a column for each model."""
    tried_by_any = sorted({k for part in models.values() for k in part["departures"]})
    columns: dict[str, list] = {"departures": tried_by_any}
    for name, part in models.items():
        passed, tried = counts(part)
        chances = in_band(passed, tried)
        columns[name] = [
            f"{passed[k - 1]} of {tried[k - 1]}: {share(passed[k - 1], tried[k - 1])}, "
            f"{chances[k - 1]:.0%} probable in the band"
            if tried[k - 1]
            else ""
            for k in tried_by_any
        ]
    return table(columns)


COLUMNS = ["departure", "hidden in", "explained", "found"]


def found(part: pd.DataFrame) -> pd.DataFrame:
    """Of each departure: attempts where it was hidden, those of them that passed or that missed departures
    explain, and in how many of these it was found; what was missed most first."""
    explained = part[(part["passed"] == 1) | part["missed"].notna()]
    hidden, told = (Counter(part["hidden"].explode()) for part in (part, explained))
    missed = Counter(name for names in explained["missed"].dropna() for name in names)
    rows = [(name, hidden[name], told[name], told[name] - missed[name]) for name in told]
    frame = pd.DataFrame(rows, columns=COLUMNS)
    order = (frame["found"] / frame["explained"]).rename("rate")
    return frame.assign(rate=order).sort_values(["rate", "explained"], ascending=[True, False])


def failures(name: str, part: pd.DataFrame) -> list[str]:
    failed = part[part["passed"] == 0]
    reasons = ", ".join(f"{reason} {n}" for reason, n in Counter(failed["reason"]).most_common())
    starts = sorted(Counter(failed["start"].dropna().astype(int)).items())
    of = found(part)
    rates = [share(*pair) for pair in zip(of["found"], of["explained"])]
    return [
        f"**{name}**: {len(failed)} of {len(part)} attempts failed{':' if reasons else '.'} {reasons}",
        "Errors start at position "
        + (", ".join(f"{at} ({n} attempts)" for at, n in starts) or "- (none)"),
        limits(part),
        f"{failed['missed'].isna().sum()} failures are not explained by missed departures. The others tell, as "
        "passes do, which departures were found:",
        table({**of[COLUMNS].to_dict("list"), "rate (95% interval)": rates}),
    ]


def limits(part: pd.DataFrame) -> str:
    stopped = part["limited"].sum()
    invalid = ": THE FIGURES ARE NOT VALID, raise it and run again" if stopped else ""
    return f"{stopped} attempts were ended by a limit{invalid}"


def effort(models: dict[str, pd.DataFrame]) -> str:
    """What an attempt took: means of passes and of failures."""
    what = ["minutes", "model calls", "messages", *TOKENS, "US dollars"]
    groups = pd.concat(models.values()).groupby(["model", "passed"], sort=False)
    columns: dict[str, list] = {
        "model": [name for name, _ in groups.groups],
        "means of": [
            f"{n} {'passes' if end else 'failures'}" for (_, end), n in groups.size().items()
        ],
    }
    for name in what:
        means = groups[name].apply(lambda values: values.astype(float).mean())
        columns[name] = ["-" if np.isnan(m) else f"{m:,.{0 if m >= 100 else 3}f}" for m in means]
    return table(columns)


# Pictures: on white, so that they read on dark pages too

COLOURS, MARKERS = ("#1f5fa8", "#b5531c", "#2c7a4b", "#7a3f98", "#8a6d00"), "osD^v"


def draw_rungs(models: dict[str, pd.DataFrame], path: Path) -> None:
    """Pass rate of each rung with its interval, and the band."""
    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    axes.axhspan(100 * BAND[0], 100 * BAND[1], color="#d9ead3", label=f"band, {BAND_IN_WORDS}")
    for i, (name, part) in enumerate(models.items()):
        passed, tried = counts(part)
        at = tried.nonzero()[0]
        rate = passed[at] / tried[at]
        low, high = np.transpose([interval(passed[j], tried[j]) for j in at])
        axes.errorbar(
            RUNGS[at] + 0.15 * (i - (len(models) - 1) / 2),
            100 * rate,
            100 * np.clip([rate - low, high - rate], 0, 1),
            fmt=MARKERS[i % 5],
            color=COLOURS[i % 5],
            capsize=4,
            label=f"{name}, {len(part)} attempts",
        )
    axes.set(xlabel="departures", ylabel="pass rate, % (95% Wilson interval)", ylim=(-2, 102))
    axes.set_xticks(sorted({k for part in models.values() for k in part["departures"]}))
    axes.grid(axis="y", color="#dddddd")
    axes.legend(fontsize=8)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def draw_found(models: dict[str, pd.DataFrame], path: Path) -> None:
    """How often each departure was found, with its interval; a panel for each model, the hardest on top."""
    tables = {name: of[::-1] for name, part in models.items() if len(of := found(part))}
    if not tables:
        return
    heights = [len(of) + 2 for of in tables.values()]
    size = (7, 0.27 * sum(heights) + 1)
    figure, panels = plt.subplots(
        len(tables), figsize=size, height_ratios=heights, squeeze=False, layout="constrained"
    )
    for axes, (name, of) in zip(panels[:, 0], tables.items()):
        for y, (n, s) in enumerate(zip(of["explained"], of["found"])):
            axes.plot(100 * np.array(interval(s, n)), [y, y], color="#8fb3d9", linewidth=5)
            axes.plot(100 * s / n, y, "o", color=COLOURS[0])
        ticks = [f"{d} ({n})" for d, n in zip(of["departure"], of["explained"])]
        axes.set_yticks(range(len(of)), ticks, fontsize=8)
        axes.set(title=name, xlim=(-2, 102))
        axes.grid(axis="x", color="#dddddd")
    axes.set_xlabel("found, % of explained attempts where it was hidden (95% Wilson interval)")
    figure.savefig(path, dpi=150)
    plt.close(figure)


def write(headers: list[EvalLog], attempts: pd.DataFrame, notes: list[str], out: Path) -> str:
    """Writes report.md and its pictures; returns the main lines."""
    out.mkdir(parents=True, exist_ok=True)
    logs = {name: [log for log in headers if label(log) == name] for name in map(label, headers)}
    models = {name: attempts[attempts["model"] == name] for name in logs}
    (out / "found.png").unlink(missing_ok=True)
    draw_rungs(models, out / "rungs.png")
    draw_found(models, out / "found.png")
    verdicts = {name: verdict(part, logs[name]) for name, part in models.items()}
    said = [f"**{name}**: {words}\n\n```\n{next}\n```" for name, (words, next) in verdicts.items()]
    lines = [
        "# Report",
        heading(models, logs),
        "\n".join(f"- {note}" for note in notes),
        "## Which rung",
        *said,
        "![pass rate against departures](rungs.png)",
        rates(models),
        "Rates are those of the samples that were run: one variant of a rung may be harder than another. How the "
        "probability is worked out is said in rungs.py, and how often it is right in README.md.",
        "## Why attempts failed",
        *(line for name, part in models.items() for line in failures(name, part)),
        "![how often each departure was found](found.png)" * (out / "found.png").exists(),
        "## What an attempt took",
        effort(models),
    ]
    (out / "report.md").write_text("\n\n".join(filter(None, lines)) + "\n", encoding="utf-8")
    stopped = [limits(part) for part in models.values() if part["limited"].any()]
    return "\n".join([f"{name}: {w}\n  {next}" for name, (w, next) in verdicts.items()] + stopped)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "logs", nargs="+", metavar="LOG", help="a log of inspect eval, or a folder of logs"
    )
    parser.add_argument(
        "--out",
        type=Path,
        help="folder to write (report, beside the last log; of remote logs, here)",
    )
    options = parser.parse_args()
    headers, attempts, notes = read(options.logs)
    print(*notes, sep="\n", end="\n" * bool(notes), file=sys.stderr)
    if not headers:
        sys.exit(2)
    last = folder(headers[-1])
    out = options.out or Path("." if remote(last) else last) / "report"
    print(write(headers, attempts, notes, out))
    print(f"Report: {out / 'report.md'}")


if __name__ == "__main__":
    main()
