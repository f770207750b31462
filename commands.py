"""What makes two runs the same model, and the command that goes on from a run, by Inspect's own export of its config."""

import json
import runpy
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from inspect_ai.log import EvalLog

from inspect_task import orphan_checkpoint

ROOT = Path(__file__).parent
BEHAVIOUR = {f"{what}_limit" for what in ("message", "token", "turn", "time", "working", "cost")}
BEHAVIOUR |= {"token_limit_type", "approval", "review", "sentinel"}
INCIDENTAL = {  # of GenerateConfig: it does not change how a model acts
    *("timeout", "attempt_timeout", "stream_idle_timeout", "max_retries", "max_connections"),
    *("adaptive_connections", "batch", "cache_prompt", "logprobs", "top_logprobs"),
    *("prompt_logprobs", "cache", "seed"),
}


def inspect(*words: str) -> None:
    """Inspect's command line, in this process: a run ends when this process is killed. SystemExit: it failed."""
    sys.argv = ["inspect", *words]
    try:
        runpy.run_module("inspect_ai", run_name="__main__")
    except SystemExit as ended:
        if ended.code:
            raise


@cache
def usual() -> dict[str, Any]:
    task = orphan_checkpoint()
    return {"turn_limit": task.turn_limit, **task.config.model_dump(exclude_none=True)}


def label(log: EvalLog) -> str:
    """The model, a solver that is not the task's own, and what was set, but for a seed."""
    spec = log.eval
    given = (spec.solver_args_passed or {}) | spec.model_args
    given |= spec.model_dump(include={"model_base_url", "model_roles"}, exclude_none=True)
    given |= spec.config.model_dump(include=BEHAVIOUR, exclude_none=True)
    for config in (spec.model_generate_config, log.plan.config):
        given |= config.model_dump(exclude=INCIDENTAL, exclude_none=True)
    solver = [spec.solver.rpartition("@")[2]] if spec.solver else []
    differing = [name for name in given if name != "seed" and given[name] != usual().get(name)]
    return " ".join([spec.model, *solver, *(f"{name}={given[name]}" for name in differing)])


def save_config(logs: Sequence[EvalLog], path: Path, **changes: Any) -> None:
    """Writes what `inspect eval --run-config` needs to run the last of the logs again, from any folder, with a seed that
    none of them had. logs: all of a model. changes: of Inspect's EvalConfig."""
    inspect("log", "export-config", logs[-1].location, "--format", "json", "--output", str(path))
    config, spec = json.loads(path.read_text("utf-8")), logs[-1].eval
    arguments = spec.task_args | {"dataset": spec.dataset.location}
    config["task"] = {"task": f"{ROOT}/inspect_task.py@orphan_checkpoint", "args": arguments}
    config["eval_config"] |= changes
    for generation in (config["model"].get("config", {}), config.get("generate_config", {})):
        generation.pop("seed", None)  # it and a cache would give the same answers again
        generation.pop("cache", None)
    if spec.solver:
        file, at, name = spec.solver.partition("@")
        config["solver"]["solver"] = found(file) + at + name
        used = [(log.eval.solver_args_passed or {}).get("seed") for log in logs]
        if used[-1] is not None:
            numbers = [seed for seed in used if isinstance(seed, int)]
            config["solver"]["args"]["seed"] = 1 + max(numbers, default=0)
    if spec.sandbox and isinstance(spec.sandbox.config, str):
        config["sandbox"] = f"{spec.sandbox.type}:{found(spec.sandbox.config)}"
    path.write_text(json.dumps(config, indent=1), "utf-8")


def found(path: str) -> str:
    """Where a file of a run is: the run was made from this folder, or from beside this file."""
    places = [place.resolve() / path for place in (Path(), ROOT)]
    return str(next((place for place in places if place.exists()), path))


def folder(log: EvalLog) -> str:
    """Of a log, as it is typed here: an address, or a path."""
    place = log.location.rpartition("/")[0].removeprefix("file://")
    return place.removeprefix(f"{Path.cwd()}/")
