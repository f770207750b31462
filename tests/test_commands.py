"""What the printed command runs is the run that was made: by Inspect's own table of options, read by Inspect itself."""

import json
import subprocess
import sys

import pytest
from inspect_ai._cli.eval import eval_command, parse_run_config
from inspect_ai._util.generate_config_args import config_from_locals
from inspect_ai._util.samples import parse_sample_id, parse_samples_limit
from inspect_ai.log import EvalConfig, read_eval_log
from inspect_ai.model import GenerateConfig, ModelConfig
from inspect_ai.util import SandboxEnvironmentSpec

from attempts import read
from commands import MARK, USUAL, label, save_config
from inspect_task import orphan_checkpoint
from tests.made_logs import ROOT, log, sample, save

GENERATION = {  # how a model answers
    "max_tokens": ["--max-tokens", "9000"],
    "system_message": ["--system-message", "Be brief: 1, 2"],
    "best_of": ["--best-of", "2"],
    "frequency_penalty": ["--frequency-penalty", "0.5"],
    "presence_penalty": ["--presence-penalty", "-0.5"],
    "logit_bias": ["--logit-bias", "42=10,7=-10"],
    "stop_seqs": ["--stop-seqs", "END,no more"],
    "temperature": ["--temperature", "0.7"],
    "top_p": ["--top-p", "0.9"],
    "top_k": ["--top-k", "40"],
    "num_choices": ["--num-choices", "2"],
    "parallel_tool_calls": ["--no-parallel-tool-calls"],
    "internal_tools": ["--no-internal-tools"],
    "max_tool_output": ["--max-tool-output", "5000"],
    "fallback_models": ["--fallback-models", "openai/a,openai/b"],
    "fail_on_refusal": ["--fail-on-refusal"],
    "verbosity": ["--verbosity", "low"],
    "effort": ["--effort", "high"],
    "reasoning_effort": ["--reasoning-effort", "none"],
    "reasoning_mode": ["--reasoning-mode", "pro"],
    "reasoning_tokens": ["--reasoning-tokens", "1024"],
    "reasoning_summary": ["--reasoning-summary", "auto"],
    "reasoning_history": ["--reasoning-history", "last"],
    "response_schema": ["--response-schema", '{"name": "a", "json_schema": {"type": "object"}}'],
    "extra_headers": ["--extra-headers", '{"X-Retry": "3"}'],
    "extra_body": ["--extra-body", '{"a": {"b": [1, null]}, "c": "1e3"}'],
    "modalities": ["--modalities", "image"],
}
CONFIG = {  # limits, and which rows run
    "limit": ["--limit", "2-4"],
    "sample_id": ["--sample-id", "a,b"],
    "sample_shuffle": ["--sample-shuffle", "7"],
    "message_limit": ["--message-limit", "50"],
    "token_limit": ["--token-limit", "output:5000"],
    "turn_limit": ["--turn-limit", "20"],
    "time_limit": ["--time-limit", "600"],
    "working_limit": ["--working-limit", "300"],
    "cost_limit": ["--cost-limit", "0.5"],
}
INCIDENTAL = {  # how fast, how often again after a fault, what is kept and shown; a cache and a seed repeat attempts
    *("max_connections", "adaptive_connections", "max_retries", "timeout", "attempt_timeout"),
    *(
        "stream_idle_timeout",
        "batch",
        "cache_prompt",
        "logprobs",
        "top_logprobs",
        "prompt_logprobs",
    ),
    *("cache", "seed", "max_samples", "max_dataset_memory", "max_tasks", "max_subprocesses"),
    *("max_sandboxes", "fail_on_error", "no_fail_on_error", "continue_on_fail", "retry_on_error"),
    *(
        "score_on_error",
        "no_log_samples",
        "no_log_realtime",
        "log_images",
        "log_model_api",
        "log_refusals",
    ),
    *(
        "log_buffer",
        "log_shared",
        "no_score",
        "no_score_display",
        "log_format",
        "log_level_transcript",
    ),
    *(
        "log_level",
        "display",
        "no_ansi",
        "traceback_locals",
        "debug",
        "debug_port",
        "debug_errors",
        "trace",
    ),
    *(
        "no_sandbox_cleanup",
        "sandbox_prebuilt",
        "checkpoint",
        "acp_server",
        "ctl_server",
        "json_output",
    ),
    *("detach", "notification", "tags", "metadata", "epochs_reducer", "no_epochs_reducer"),
    *("scanner", "scanner_arg", "scans", "scan_name", "scan_tags", "scan_metadata", "scan_filter"),
    *(
        "scan_model",
        "scan_model_base_url",
        "scan_model_arg",
        "scan_model_config",
        "scan_model_role",
    ),
    *("scan_generate_config", "model_cost_config"),
}
OTHER_SPELLINGS = {  # files of values that a log holds one by one; the environment is not in a log
    *(
        "model_config",
        "model_spec",
        "run_config",
        "task_config",
        "solver_config",
        "generate_config",
    ),
    *("sentinel_arg", "env"),
}
TESTED_BELOW = {
    *(
        "tasks",
        "model",
        "model_base_url",
        "m",
        "model_role",
        "t",
        "solver",
        "s",
        "approval",
        "review",
    ),
    *("sentinel", "sandbox", "epochs", "log_dir"),
}


def parsed(words):
    """The options of inspect eval, as it reads them."""
    return eval_command.make_context("eval", words).params


def test_every_option_of_inspect_is_accounted_for():
    """Fails when Inspect gets an option: carry it over, or say why it changes nothing."""
    groups = [set(GENERATION), set(CONFIG), INCIDENTAL, OTHER_SPELLINGS, TESTED_BELOW]
    names = [param.name for param in eval_command.params]
    assert sorted(names) == sorted(name for group in groups for name in group)


@pytest.fixture
def again(tmp_path):
    """From a log to the arguments of eval() that the command which is printed after it amounts to."""

    def run_again(made, **changes):
        header = read_eval_log(save(made, tmp_path / "0 a.eval"))
        save_config(header, tmp_path / "run.json", {}, **changes)
        return parse_run_config(str(tmp_path / "run.json"))

    return run_again


@pytest.mark.parametrize("name", GENERATION)
def test_how_a_model_answers_is_carried_over(name, again):
    config = GenerateConfig(**config_from_locals(parsed(["x.py", *GENERATION[name]])))
    assert getattr(config, name) is not None
    made = log([], model_generate_config=config)
    options = again(made)
    assert GenerateConfig(**{n: options.get(n) for n in GenerateConfig.model_fields}) == config
    shown = f"{name}=" in label(made)
    assert shown != (name == "parallel_tool_calls")  # the task forbids them anyway


@pytest.mark.parametrize("name", CONFIG)
def test_limits_and_rows_are_carried_over(name, again):
    given = parsed(["x.py", *CONFIG[name]])
    value = given[name]
    if name == "limit":
        config = {"limit": parse_samples_limit(value)}
    elif name == "sample_id":
        config = {"sample_id": parse_sample_id(value)}
    elif name == "token_limit":
        config = {"token_limit": value.tokens, "token_limit_type": value.type}
    else:
        config = {name: value}
    made = log([])
    made.eval.config = made.eval.config.model_copy(update=config)
    assert again(made)[name] == (value if name == "token_limit" else config[name])
    assert (name in label(made)) == (name.endswith("_limit") and name != "cost_limit")


@pytest.mark.parametrize("name", ["limit", "sample_id"])
def test_other_variants_are_looked_for_among_all_rows(name, again):
    made = log([], config={name: 2})
    assert again(made)[name] == 2
    assert name not in again(made, limit=None, sample_id=None)


@pytest.mark.parametrize("name", sorted(INCIDENTAL & GenerateConfig.model_fields.keys()))
def test_what_changes_nothing_does_not_split_a_model(name):
    made = log([], model_generate_config=GenerateConfig.model_construct(**{name: 7}))
    assert label(made) == label(log([]))


def test_what_the_task_sets_is_no_part_of_the_label():
    """A run from an exported config gets the task's own settings as options."""
    made, other = log([]), log([])
    made.plan.config = GenerateConfig(parallel_tool_calls=False)
    other.plan.config = GenerateConfig(parallel_tool_calls=True)
    assert label(made) == label(log([])) != label(other)


def test_what_the_task_sets_is_known():
    task = orphan_checkpoint()
    assert {"turn_limit": task.turn_limit, **task.config.model_dump(exclude_none=True)} == USUAL


def test_answers_are_not_repeated(again):
    """Neither from a cache nor by a seed."""
    made = log([], model_generate_config=GenerateConfig(seed=1, cache=True, top_p=0.5))
    arguments = again(made)
    assert arguments["top_p"] == 0.5 and not {"seed", "cache"} & arguments.keys()


def test_fields_of_the_log_are_all_known():
    known = set(CONFIG) | INCIDENTAL | TESTED_BELOW | {"token_limit_type"}
    known |= {f"no_{name}" for name in known} | {n.removeprefix("no_") for n in known}
    assert set(EvalConfig.model_fields) <= known
    assert set(GenerateConfig.model_fields) <= set(GENERATION) | INCIDENTAL


def test_model_solver_and_their_arguments_are_carried_over(again):
    arguments = {
        "knowledge": 1e-05,
        "seed": 3,
        "names": ["a", "b"],
        "of": {"x": None},
        "text": "4",
        "on": True,
    }
    made = log(
        [],
        model="openai/x",
        model_base_url="http://127.0.0.1:1/v1",
        model_args={"device": "cuda:0", "deep": {"a": 1}},
        solver="baselines/search.py@search",
        solver_args=arguments,
        solver_args_passed=arguments,
        task_args={"departures": [2, 4], "dataset": "dataset.jsonl"},
    )
    options = again(made, epochs=3)
    assert (options["model"], options["model_base_url"]) == ("openai/x", "http://127.0.0.1:1/v1")
    seed = options["solver"].args["seed"]
    assert options["solver"].args == arguments | {"seed": seed} and seed != arguments["seed"]
    assert options["solver"].solver == f"{ROOT}/baselines/search.py@search"
    assert options["model_args"] == made.eval.model_args
    assert options["task_args"] == {
        "departures": [2, 4],
        "dataset": str(ROOT / "dataset.jsonl"),
    }
    assert options["epochs"].epochs == 3


def test_a_solver_lies_in_the_folder_of_its_run(again, tmp_path):
    """The report may be made in another one; the log lies below."""
    (tmp_path / "mine.py").write_text("")
    options = again(log([], solver="mine.py@put"))
    assert options["solver"].solver == f"{tmp_path}/mine.py@put"


def test_metadata_of_a_users_own_is_carried_over(again):
    """calibrate.py has an entry of the same name."""
    assert again(log([], metadata={"options": "x"}))["metadata"] == {"options": "x"}
    assert not again(log([], metadata={"options": f"{MARK}0"})).get("metadata")


@pytest.mark.parametrize("seed", [4, 0, "runA"])
def test_a_seed_that_was_used_is_not_used_again(seed, again):
    made = log([], solver="x.py@y", solver_args={"seed": seed}, solver_args_passed={"seed": seed})
    drawn = [again(made)["solver"].args["seed"] for _ in range(3)]
    assert len({seed, *drawn}) == 4 and all(isinstance(new, int) for new in drawn)
    assert "seed" not in label(made)


@pytest.mark.parametrize(
    "given, right",
    [
        (("local", None), ("local", None)),
        (("docker", "requirements.lock"), ("docker", str(ROOT / "requirements.lock"))),
        (("docker", "compose.yaml"), ("docker", str(ROOT / "compose.yaml"))),
    ],
)
def test_the_sandbox_is_carried_over(given, right, again):
    made = log([], sandbox=SandboxEnvironmentSpec(*given))
    assert again(made)["sandbox"] == SandboxEnvironmentSpec(*right)
    assert label(made) == label(log([]))


def test_roles_and_policies_are_carried_over(again):
    policy = {"approvers": [{"name": "auto", "tools": "*"}]}
    made = log(
        [], config={"approval": policy}, model_roles={"critic": ModelConfig(model="mockllm/b")}
    )
    options = again(made)
    assert str(options["model_roles"]["critic"]) == "mockllm/b"
    assert options["approval"].approvers[0].name == "auto"
    assert "approval=" in label(made) and "critic" in label(made)


def test_from_another_folder(tmp_path, monkeypatch, again):
    """Also one with a space and an accent: the paths of the run are found from everywhere."""
    elsewhere = tmp_path / "été un"
    elsewhere.mkdir()
    (elsewhere / "mine.py").write_text("")
    made = log([], solver="mine.py@mine", task_args={"dataset": "mine.jsonl"})
    made.eval.dataset.name = str(elsewhere / "mine.jsonl")
    monkeypatch.chdir(elsewhere)
    options = again(made)
    assert options["tasks"] == f"{ROOT}/inspect_task.py@orphan_checkpoint"
    assert options["solver"].solver == f"{elsewhere}/mine.py@mine"
    assert options["task_args"] == {"dataset": str(elsewhere / "mine.jsonl")}
    assert options["sandbox"].config == str(ROOT / "compose.yaml")


def test_the_printed_command_runs_and_is_the_same_model(tmp_path):
    """From a folder in which the run was not made."""
    config = GenerateConfig(temperature=0.5, logit_bias={7: -10})
    options = {"solver": "baselines/search.py@search", "sandbox": SandboxEnvironmentSpec("local")}
    made = log([sample()], model="none/none", model_generate_config=config, **options)
    made.eval.config.limit = (0, 1)
    save(made, tmp_path / "a b.eval")
    here, there = tmp_path / "hère", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    command = [sys.executable, str(ROOT / "report.py"), str(tmp_path)]
    printed = subprocess.run(command, cwd=here, capture_output=True, text=True, check=True).stdout
    (line,) = [line.strip() for line in printed.splitlines() if line.startswith("    ")]
    assert line.startswith("inspect eval --run-config ")
    done = subprocess.run(
        f"{line} --display none", shell=True, cwd=there, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    headers, every, _ = read([str(tmp_path)])
    assert len(headers) == 2 and len(every) == 2
    assert set(map(label, headers)) == {label(made)}
    written = json.loads((here / "report" / "run-a b.json").read_text())
    assert written["eval_config"]["epochs"] == 1
