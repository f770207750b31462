"""The printed command is the run that was made: by Inspect's own table of options, parsed by Inspect itself."""

import shlex
import subprocess

import pytest
from inspect_ai._cli.eval import eval_command, parse_run_config
from inspect_ai._cli.util import parse_sandbox
from inspect_ai._util.generate_config_args import config_from_locals
from inspect_ai._util.samples import parse_sample_id, parse_samples_limit
from inspect_ai.log import EvalConfig, read_eval_log
from inspect_ai.model import GenerateConfig, ModelConfig
from inspect_ai.util import SandboxEnvironmentSpec
from made_logs import ROOT, log, sample, save

from attempts import read
from commands import actor, command, label

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


def again(made):
    """The options of the command that is printed after a log."""
    words = shlex.split(command([made], 3))
    assert words[:2] == ["inspect", "eval"]
    return parsed(words[2:])


@pytest.mark.parametrize("name", GENERATION)
def test_how_a_model_answers_is_carried_over(name):
    config = GenerateConfig(**config_from_locals(parsed(["x.py", *GENERATION[name]])))
    assert getattr(config, name) is not None
    made = log([], model_generate_config=config)
    assert GenerateConfig(**config_from_locals(again(made))) == config
    assert f"{name}=" in label(made)


@pytest.mark.parametrize("name", CONFIG)
def test_limits_and_rows_are_carried_over(name):
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
    assert again(made)[name] == value
    assert (name in label(made)) == name.endswith("_limit")


@pytest.mark.parametrize("name", sorted(INCIDENTAL & GenerateConfig.model_fields.keys()))
def test_what_changes_nothing_does_not_split_a_model(name):
    made = log([], model_generate_config=GenerateConfig.model_construct(**{name: 7}))
    assert label(made) == label(log([])) and command([made], 3) == command([log([])], 3)


def test_fields_of_the_log_are_all_known():
    known = set(CONFIG) | INCIDENTAL | TESTED_BELOW | {"token_limit_type"}
    known |= {f"no_{name}" for name in known} | {n.removeprefix("no_") for n in known}
    assert set(EvalConfig.model_fields) <= known
    assert set(GenerateConfig.model_fields) <= set(GENERATION) | INCIDENTAL


def test_model_solver_and_their_arguments_are_carried_over():
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
        solver_args_passed=arguments,
        task_args_passed={"departures": [2, 4]},
    )
    from inspect_ai._util.config import parse_cli_args

    options = again(made)
    assert (options["model"], options["model_base_url"]) == ("openai/x", "http://127.0.0.1:1/v1")
    assert parse_cli_args(options["s"]) == arguments | {"seed": 4}
    assert parse_cli_args(options["m"]) == made.eval.model_args
    assert parse_cli_args(options["t"]) == {"departures": [2, 4]}
    assert options["solver"] == "baselines/search.py@search" and options["sandbox"] is None
    assert options["epochs"] == 3


@pytest.mark.parametrize("seeds", [[1, 4, 2], ["runA", 4], [4, None]])
def test_a_seed_that_was_used_is_not_used_again(seeds):
    logs = [log([], solver="x.py@y", solver_args_passed={"seed": seed}) for seed in seeds]
    assert "seed=5" in command(logs, 1)
    assert len(set(map(label, logs))) == 1 and "seed" not in label(logs[0])


@pytest.mark.parametrize(
    "given, word",
    [
        (("local", None), "local"),
        (("docker", "requirements.lock"), "docker:requirements.lock"),
        (("docker", "compose.yaml"), None),
    ],
)
def test_another_sandbox_is_carried_over(given, word):
    made = log([], sandbox=SandboxEnvironmentSpec(*given))
    assert again(made)["sandbox"] == word
    assert label(made) == label(log([]))
    assert word is None or parse_sandbox(word) == SandboxEnvironmentSpec(*given)


def test_what_the_command_line_cannot_say_goes_by_a_file(tmp_path):
    """Roles and policies: Inspect writes them into a file of its own."""
    path = save(
        log([sample()], model_roles={"critic": ModelConfig(model="mockllm/b")}),
        tmp_path / "a b.eval",
    )
    line = command([read_eval_log(path)], 2)
    export, follow = line.split(" && ")
    words = shlex.split(export)
    assert words[:3] == ["inspect", "log", "export-config"] and words[-2:] == [
        "--output",
        "run.yaml",
    ]
    done = subprocess.run([*words[:-1], str(tmp_path / "run.yaml")], cwd=ROOT)
    assert done.returncode == 0
    roles = parse_run_config(str(tmp_path / "run.yaml"))["model_roles"]
    assert str(roles["critic"]) == "mockllm/b"
    options = parsed(shlex.split(follow)[2:])
    assert (options["run_config"], options["epochs"]) == ("run.yaml", 2)


def test_from_another_folder(tmp_path, monkeypatch):
    """Also one with a space and an accent: paths are those of the run, as seen from here."""
    elsewhere = tmp_path / "été un"
    elsewhere.mkdir()
    (elsewhere / "mine.jsonl").write_bytes((ROOT / "dataset.jsonl").read_bytes())
    made = log(
        [], solver="baselines/vanilla.py@vanilla", task_args_passed={"dataset": "mine.jsonl"}
    )
    made.eval.dataset.location = str(elsewhere / "mine.jsonl")
    made.location = str(elsewhere / "logs" / "a.eval")
    (elsewhere / "logs").mkdir()
    monkeypatch.chdir(elsewhere)
    options = again(made)
    assert options["tasks"] == (f"{ROOT}/inspect_task.py@orphan_checkpoint",)
    assert options["solver"] == f"{ROOT}/baselines/vanilla.py@vanilla"
    assert options["t"] == ("dataset=mine.jsonl",) and options["log_dir"] == "logs"


def test_the_printed_command_runs_and_is_the_same_model(tmp_path):
    config = GenerateConfig(temperature=0.5, parallel_tool_calls=False, logit_bias={7: -10})
    options = {"solver": "baselines/vanilla.py@vanilla", "sandbox": SandboxEnvironmentSpec("local")}
    made = log([sample()], model="mockllm/model", model_generate_config=config, **options)
    made.eval.config.sample_id = [sample().id]
    save(made, tmp_path / "a.eval")
    (header,), _, _ = read([str(tmp_path)])
    words = shlex.split(command([header], 1))
    done = subprocess.run([*words, "--display", "none"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    headers, every, _ = read([str(tmp_path)])
    assert len(headers) == 2 and len(every) == 2
    assert set(map(label, headers)) == {label(made)}


def test_calibrate_gets_the_same_actor():
    assert actor([log([], solver="x.py@y", solver_args_passed={"a": 1})]) == [
        *("--model", "anthropic/claude-haiku-4-5", "--solver", "x.py@y", "-S", "a=1")
    ]
