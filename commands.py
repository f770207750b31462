"""The command that makes more attempts like those of a log: what changes how a model acts is carried over."""

import json
import shlex
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from inspect_ai import Task
from inspect_ai.log import EvalLog

from inspect_task import orphan_checkpoint

ROOT = Path(__file__).parent
CHOICE = {"limit", "sample_id", "sample_shuffle"}  # of rows
LIMITS = {f"{what}_limit" for what in ("message", "token", "turn", "time", "working", "cost")}
POLICIES = {"approval", "review", "sentinel"}  # which the command line takes from a file only
INCIDENTAL = {
    *("timeout", "attempt_timeout", "stream_idle_timeout", "max_retries", "max_connections"),
    *("adaptive_connections", "batch", "cache_prompt", "logprobs", "top_logprobs"),
    *("prompt_logprobs", "cache", "seed"),
}
"""Of GenerateConfig, what does not change how a model acts, or would make it repeat itself (the last two)."""


@cache
def task() -> Task:
    return orphan_checkpoint()


def settings(log: EvalLog) -> dict[str, Any]:
    """Option of inspect eval -> value, of all that changes how a model acts and is not as in the task."""
    spec = log.eval
    limits = {name: getattr(spec.config, name) for name in sorted(LIMITS)}
    limits = {name: value for name, value in limits.items() if value != getattr(task(), name)}
    if limits.get("token_limit") and spec.config.token_limit_type:
        limits["token_limit"] = f"{spec.config.token_limit_type}:{limits['token_limit']}"
    config = spec.model_generate_config.model_dump(exclude=INCIDENTAL)
    given = {"model_base_url": spec.model_base_url} | limits | config
    given |= spec.config.model_dump(include=POLICIES) | spec.model_dump(include={"model_roles"})
    return {name: value for name, value in given.items() if value is not None}


def label(log: EvalLog) -> str:
    """The model, a solver that is not the task's own, and what was set, but for a seed."""
    solver = [log.eval.solver.rpartition("@")[2]] if log.eval.solver else []
    given = (log.eval.solver_args_passed or {}) | log.eval.model_args | settings(log)
    pairs = [f"{name}={as_text(value)}" for name, value in given.items() if name != "seed"]
    return " ".join([log.eval.model, *solver, *pairs])


def command(logs: Sequence[EvalLog], epochs: int) -> str:
    """The rows of the last log again, from the working directory into the folder of that log. logs: all of a model;
    a solver that takes a seed gets one that none of them had."""
    spec, start = logs[-1].eval, "inspect eval"
    if spec.model_roles or spec.config.model_dump(include=POLICIES, exclude_none=True):
        export = shlex.join(["inspect", "log", "export-config", here(logs[-1].location)])
        start = f"{export} --output run.yaml && inspect eval --run-config run.yaml"
    file, arguments = here("inspect_task.py"), dict(spec.task_args_passed)
    if "dataset" in arguments:
        arguments["dataset"] = here(spec.dataset.location or "")
    words = [f"{file}@orphan_checkpoint" if Path(file).is_absolute() else file]
    words += [*as_words("-T", arguments), *actor(logs), "--epochs", str(epochs)]
    for name in sorted(CHOICE):
        words += as_option(name, getattr(spec.config, name))
    return f"{start} {shlex.join([*words, '--log-dir', folder(logs[-1])])}"


def actor(logs: Sequence[EvalLog]) -> list[str]:
    """Words for who acts in the last of the logs, and how."""
    spec = logs[-1].eval
    words, arguments = ["--model", spec.model], dict(spec.solver_args_passed or {})
    if spec.solver:
        path, at, name = spec.solver.partition("@")
        words += ["--solver", here(path) + at + name]
    if "seed" in arguments:
        seeds = [(log.eval.solver_args_passed or {}).get("seed") for log in logs]
        arguments["seed"] = 1 + max([0, *(seed for seed in seeds if isinstance(seed, int))])
    words += as_words("-S", arguments) + as_words("-M", spec.model_args)
    for name, value in settings(logs[-1]).items():
        words += [] if name in POLICIES | {"model_roles"} else as_option(name, value)
    if spec.sandbox:
        path = here(spec.sandbox.config) if isinstance(spec.sandbox.config, str) else ""
        if (spec.sandbox.type, path) != ("docker", here("compose.yaml")):  # the task's own
            words += ["--sandbox", f"{spec.sandbox.type}:{path}" if path else spec.sandbox.type]
    return words


def as_words(flag: str, arguments: dict[str, Any]) -> list[str]:
    pairs = [f"{name}={as_text(value)}" for name, value in arguments.items()]
    return [word for pair in pairs for word in (flag, pair)]


def as_option(name: str, value: Any) -> list[str]:
    """An option of inspect eval in its own spelling."""
    option = name.replace("_", "-")
    if value is None or isinstance(value, bool):
        return [] if value is None else [f"--{'' if value else 'no-'}{option}"]
    if name == "limit" and not isinstance(value, int):
        value = f"{value[0] + 1}-{value[1]}"  # a log counts from 0, the command line from 1
    if name == "logit_bias":
        value = [f"{token}={bias}" for token, bias in value.items()]
    if isinstance(value, list):
        value = ",".join(map(str, value))
    return [f"--{option}", json.dumps(value) if isinstance(value, dict) else str(value)]


def as_text(value: Any) -> str:
    """YAML on one line."""
    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10**6)
    return text.removesuffix("\n").removesuffix("\n...")


def here(path: str) -> str:
    """A path of a run, as it is typed in the working directory. The run was made from there, or from beside this file."""
    path = path.removeprefix("file://")
    for place in (Path.cwd() / path, ROOT / path):
        if "://" not in path and place.exists():
            full = place.resolve()
            return str(full.relative_to(Path.cwd()) if full.is_relative_to(Path.cwd()) else full)
    return path


def folder(log: EvalLog) -> str:
    """Of a log: an address, or a path."""
    return here(log.location.rpartition("/")[0])
