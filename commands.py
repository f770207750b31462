"""What makes two runs the same model, and the config that runs it again, as Inspect exports it."""

import json
import runpy
import secrets
import sys
from pathlib import Path
from typing import Any

from inspect_ai.log import EvalConfig, EvalLog

from guards.arguments import ROOT

BEHAVIOUR = {"token_limit_type", "approval", "review", "sentinel"}  # of EvalConfig
BEHAVIOUR |= {name for name in EvalConfig.model_fields if name.endswith("_limit")}
BEHAVIOUR -= {"cost_limit"}  # no model is told of it, and a budget may be raised
INCIDENTAL = {  # of GenerateConfig: it does not change how a model acts
    *("timeout", "attempt_timeout", "stream_idle_timeout", "max_retries", "max_connections"),
    *("adaptive_connections", "batch", "cache_prompt", "logprobs", "top_logprobs"),
    *("prompt_logprobs", "cache", "seed"),
}
MARK = "sha256-"
"""How the mark of calibrate.py begins, `options` in the metadata of its logs."""
USUAL = {"turn_limit": 400, "parallel_tool_calls": False}
"""What the task itself sets. It is not asked: its dataset may be the one that is to be made anew."""


def inspect(*words: str) -> None:
    """Inspect's command line, in this process: who ends this process ends the run, too. SystemExit: it failed."""
    sys.argv = ["inspect", *words]
    try:
        runpy.run_module("inspect_ai", run_name="__main__")
    except SystemExit as ended:
        if ended.code:
            raise


def label(log: EvalLog) -> str:
    """The model, a solver that is not the task's own, and what was set, but for a seed."""
    spec = log.eval
    given = (spec.solver_args_passed or {}) | spec.model_args
    given |= spec.model_dump(include={"model_base_url", "model_roles"}, exclude_none=True)
    given |= spec.config.model_dump(include=BEHAVIOUR, exclude_none=True)
    for config in (spec.model_generate_config, log.plan.config):
        given |= config.model_dump(exclude=INCIDENTAL, exclude_none=True)
    solver = [spec.solver.rpartition("@")[2]] if spec.solver else []
    differing = [name for name in given if name != "seed" and given[name] != USUAL.get(name)]
    return " ".join([spec.model, *solver, *(f"{name}={given[name]}" for name in differing)])


def save_config(log: EvalLog, path: Path, arguments: dict[str, Any], **changes: Any) -> None:
    """Writes what `inspect eval --run-config` needs to run this once more, from any folder, with
    another seed. arguments: others of the task; changes: of Inspect's EvalConfig."""
    inspect("log", "export-config", log.location, "--format", "json", "--output", str(path))
    config, spec = json.loads(path.read_text("utf-8")), log.eval
    arguments = spec.task_args | {"dataset": spec.dataset.name} | arguments
    config["task"] = {"task": f"{ROOT}/inspect_task.py@orphan_checkpoint", "args": arguments}
    config["eval_config"] |= changes
    if str(config.get("metadata", {}).get("options")).startswith(MARK):
        del config["metadata"]["options"]
    for generation in (config["model"].get("config", {}), config.get("generate_config", {})):
        generation |= {"seed": None, "cache": None}  # they would give the same answers again
    if spec.solver:
        file, at, name = spec.solver.partition("@")
        config["solver"]["solver"] = found(file, log) + at + name
        if (spec.solver_args_passed or {}).get("seed") is not None:
            config["solver"]["args"]["seed"] = secrets.randbits(32)
    if spec.sandbox and isinstance(spec.sandbox.config, str):
        config["sandbox"] = f"{spec.sandbox.type}:{found(spec.sandbox.config, log)}"
    path.write_text(json.dumps(config, indent=1), "utf-8")


def found(path: str, log: EvalLog) -> str:
    """Where a file of a run is: in this folder, in one above its log, or in this repository."""
    places = [place.resolve() / path for place in (Path(), *Path(log.location).parents, ROOT)]
    return str(next((place for place in places if place.exists()), path))
