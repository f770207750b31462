"""The whole task as it is run: Inspect's command line and its Anthropic client, in Docker containers, what an agent
sees there, and what the grader hands over. Right and wrong submissions: test_ports.py, test_attacks.py."""

import pickle
import re

import numpy as np
import pytest
from inspect_ai.log import list_eval_logs

from guards.isolation import REFUSAL
from reference.rows import Row, load
from scorers.diagnosis import KINDS
from tests.harness import (
    CHECK,
    RIGHT,
    ROOT,
    ROW,
    ROWS,
    SECRETS,
    SUBMIT,
    WRONG,
    containers_and_networks,
    leaked,
    run_cases,
    score,
    start,
    the_log,
    told,
    write,
)
from tests.messages_api import MessagesAPI

# The command line and the real client

MODEL = "anthropic/claude-haiku-4-5"


@pytest.fixture(scope="module")
def wrong_run(docker, tmp_path_factory):
    """All rows twice, in Docker, by a client that looks around and submits a wrong port: API, log, leftovers."""
    look = "ls -la; env; id; python -c 'import numpy as np; print({**np.load(\"weights.npz\")}.keys())'"
    bash = ("bash", {"command": look})
    script = [["I look around.", bash], write({"model.py": WRONG}), CHECK, SUBMIT]
    log_dir, before = tmp_path_factory.mktemp("wrong"), containers_and_networks(docker)
    with MessagesAPI(script) as api:
        run = start(log_dir, "--epochs", "2", ANTHROPIC_BASE_URL=api.url)
        output, _ = run.communicate()
    assert run.returncode == 0, output
    return api, the_log(log_dir), containers_and_networks(docker) - before


def test_default_model(wrong_run):
    """.env makes claude-haiku-4-5 the default, and it is the model that the client asks for."""
    api, log, _ = wrong_run
    assert log.eval.model == MODEL
    assert {request.body["model"] for request in api.requests} == {"claude-haiku-4-5"}


def test_every_sample_is_scored(wrong_run):
    """4 rows x 2 epochs end without an error, each from the start of its own conversation."""
    api, log, _ = wrong_run
    assert log.status == "success" and not any(sample.error for sample in log.samples)
    attempts = {(sample.id, sample.epoch) for sample in log.samples}
    assert attempts == {(row["id"], epoch) for row in ROWS for epoch in (1, 2)}
    assert len(log.samples) == len(attempts)
    assert len(api.requests) == 4 * len(attempts)
    for sample in log.samples:
        looked, wrote, checked = told(sample)
        assert "uid=64537" in looked and "weights.npz" in looked and "traces.npz" in looked
        assert wrote.strip() == "" and checked.startswith("worst absolute error ")
        assert sample.model_usage[log.eval.model].output_tokens > 0


def test_a_wrong_port_scores_0(wrong_run):
    """The score says why, in a word and in words, and keeps the source."""
    _, log, _ = wrong_run
    for sample in log.samples:
        assert score(sample).value == 0
        reason = score(sample).metadata["reason"]
        assert score(sample).answer == reason and reason in KINDS
        assert score(sample).metadata["source"] == WRONG
        assert all(name in sample.target for name in sample.metadata["architecture"])
        assert sample.limit is None
        assert score(sample).explanation.startswith(f"{reason}: worst absolute error ")
    metrics = [metric for scores in log.results.scores for metric in scores.metrics.values()]
    values = {metric.name.split("/")[-1]: metric.value for metric in metrics}
    assert values["accuracy"] == 0 and values["pass_all"] == 0
    reasons = [value for name, value in values.items() if name.startswith("reason_")]
    assert sum(reasons) == pytest.approx(1)
    assert {f"pass_{row['departures']}" for row in ROWS} <= values.keys()


def test_the_log_tells_dollars(wrong_run):
    """costs.yaml; and requests ask for caching."""
    api, log, _ = wrong_run
    for sample in log.samples:
        used = sample.model_usage[log.eval.model]
        cached = 1.25 * used.input_tokens_cache_write + 0.1 * used.input_tokens_cache_read
        dollars = (used.input_tokens + 5 * used.output_tokens + cached) / 1e6
        assert used.total_cost == pytest.approx(dollars) and dollars > 0
    assert all("cache_control" in request.text for request in api.requests)


def test_the_service_sees_no_secret(wrong_run):
    """No seed, departure or hash is in a request: prompt, tools' descriptions, their answers, headers."""
    api, _, _ = wrong_run
    assert len(SECRETS) > 2 * len(ROWS)
    assert leaked(repr(ROWS)) == SECRETS  # the search finds what is there
    for request in api.requests:
        assert leaked(request.text) == set()


def test_nothing_is_left_of_the_containers(wrong_run):
    """`docker ps -a` and `docker network ls` are as before."""
    *_, leftovers = wrong_run
    assert leftovers == set()


def test_a_right_port_scores_1_through_the_client(docker, tmp_path):
    """The lost model's own code, written through the API into a container, passes."""
    script = [write({"model.py": RIGHT}), CHECK, SUBMIT]
    with MessagesAPI(script) as api:
        run = start(tmp_path, "--sample-id", ROW["id"], ANTHROPIC_BASE_URL=api.url)
        output, _ = run.communicate()
    assert run.returncode == 0, output
    (sample,) = the_log(tmp_path).samples
    assert score(sample).value == 1, score(sample).explanation
    assert score(sample).metadata["source"] == RIGHT
    assert told(sample)[-1].endswith("within 5e-4 on the traces")


REFUSALS = {  # arguments, environment, what is said, lines
    "no such rung": (["-T", "departures=3"], {}, "departures=3: ", 1),
    "no such dataset": (["-T", "dataset=missing.jsonl"], {}, "give the path of a .jsonl file", 1),
    "no key": ([], {"ANTHROPIC_API_KEY": None}, "No ANTHROPIC_API_KEY defined", 2),
    "a model on this machine": (["--sandbox", "local"], {}, REFUSAL, 1),
    "the same, by variable": ([], {"INSPECT_EVAL_SANDBOX": "local"}, REFUSAL, 1),
    "a model role on this machine": (
        ["--model", "mockllm/x", "--model-role", f"coder={MODEL}", "--sandbox", "local"],
        {},
        REFUSAL,
        1,
    ),
}


@pytest.fixture(scope="module")
def refusals(tmp_path_factory):
    """Name -> output, exit code, requests that reached the API, folder of logs."""
    with MessagesAPI([SUBMIT]) as api:
        runs = {}
        for name, (arguments, environment, *_) in REFUSALS.items():
            log_dir = tmp_path_factory.mktemp("refusal")
            settings = {"ANTHROPIC_BASE_URL": api.url} | environment
            runs[name] = start(log_dir, *arguments, **settings), log_dir
        outputs = {name: run.communicate()[0] for name, (run, _) in runs.items()}
    return {
        name: (outputs[name], run.returncode, api.requests, log_dir)
        for name, (run, log_dir) in runs.items()
    }


@pytest.mark.parametrize("name", REFUSALS)
def test_refusals(name, refusals):
    """What cannot run is refused in a line, before a request, without a log."""
    output, code, requests, log_dir = refusals[name]
    *_, said, lines = REFUSALS[name]
    printed = [line for line in output.splitlines() if line.strip()]
    assert len(printed) == lines and said in printed[-1], output
    assert code != 0 and requests == [] and list_eval_logs(str(log_dir)) == []


# What can be seen inside a container

VIEWS = {
    "id": "id -u",
    "status": "cat /proc/self/status",
    "environment": "env; tr '\\0' '\\n' < /proc/1/environ; tr '\\0' ' ' < /proc/1/cmdline",
    "working directory": "pwd; ls -laR .",
    "mounts": "cat /proc/self/mountinfo",
    "own files": "find / -xdev -user $(id -un) -not -path '/proc/*' -printf '%p %t\\n'",
    "dot files": "cat .[a-z]* 2>/dev/null; head -c 2000 /tmp/* /var/tmp/* 2>/dev/null",
    "arrays": 'python -c "import zipfile; '
    "print([(i.filename, i.comment, i.extra, i.date_time) "
    "for f in ('weights.npz', 'traces.npz') for i in zipfile.ZipFile(f).infolist()])\"",
    "network": 'ls /sys/class/net; python -c "import socket; '
    "socket.create_connection(('1.1.1.1', 53), 5)\"; "
    "python -c \"import socket; socket.getaddrinfo('pypi.org', 443)\"",
}


@pytest.fixture(scope="module")
def inside(docker, tmp_path_factory):
    """View -> what an agent sees in Docker; and the sample, which then passes."""
    views = [("bash", {"command": command}) for command in VIEWS.values()]
    script = [*views, write({"model.py": RIGHT}), CHECK, SUBMIT]
    sample = run_cases({"look": script}, tmp_path_factory.mktemp("docker"))["look"]
    return dict(zip(VIEWS, told(sample))), sample


def test_a_right_port_scores_1_in_docker(inside):
    """The container has what a right port needs."""
    _, sample = inside
    assert score(sample).value == 1, score(sample).explanation
    assert score(sample).metadata["reason"] == "passed"
    assert told(sample)[-1].endswith("within 5e-4 on the traces")


def test_the_agent_has_no_privileges(inside):
    """A user without capabilities, who can gain none, in a container without a network."""
    views, _ = inside
    assert views["id"].strip() == "64537"
    status = dict(line.split(":\t") for line in views["status"].splitlines() if ":\t" in line)
    assert {status[f"Cap{kind}"] for kind in ("Inh", "Prm", "Eff", "Bnd", "Amb")} == {"0" * 16}
    assert status["NoNewPrivs"] == "1"
    assert "lo" in views["network"].splitlines()
    assert "Network is unreachable" in views["network"] and "gaierror" in views["network"]


@pytest.mark.parametrize("view", VIEWS)
def test_the_container_holds_no_secret(view, inside):
    """Environment, files, mounts: no seed, no departure, no hash."""
    views, _ = inside
    assert views[view].strip() and leaked(views[view]) == set()


def test_the_working_directory_holds_what_the_prompt_says(inside):
    """weights.npz and traces.npz, nothing else, and no date that would tell when they were made."""
    views, _ = inside
    listed = re.findall(r"^-.* (\S+)$", views["working directory"], re.MULTILINE)
    assert {name for name in listed if not name.startswith(".")} == {"weights.npz", "traces.npz"}
    assert "tokens.npy" in views["arrays"] and "logits.npy" in views["arrays"]
    assert set(re.findall(r"\(\d{4}, [\d, ]+\)", views["arrays"])) == {"(1980, 1, 1, 0, 0, 0)"}


def test_the_image_holds_no_secret(docker, inside):
    """Its layers' commands, its labels, its settings."""
    (image,) = re.findall(r"image: (\S+)", (ROOT / "compose.yaml").read_text())
    text = "\n".join(docker("history", "--no-trunc", image) + docker("inspect", image))
    assert "requirements.txt" in text and leaked(text) == set()


# What the grader does in the sandbox

SPY = """
import __main__, os, pickle, sys
with open({path!r}, "ab") as file:
    pickle.dump((__main__.calls, sys.argv, sys.orig_argv, dict(os.environ), os.listdir()), file)
"""


def test_the_grader_hands_over_weights_and_tokens_only(tmp_path):
    """The process that runs the port holds neither logits nor architecture, when checked and when graded."""
    seen, script = tmp_path / "seen", write({"model.py": SPY.format(path=str(tmp_path / "seen"))})
    sample = run_cases({"spy": [script, CHECK, SUBMIT]}, tmp_path, sandbox="local")["spy"]
    assert score(sample).metadata["reason"] == "crashed"  # it has no forward
    expected = load(Row(**ROW))
    with seen.open("rb") as file:
        checked, graded = pickle.load(file), pickle.load(file)
    for (calls, *rest), truth in ((checked, expected[:1] * 2), (graded, expected[1:])):
        assert len(calls) == len(truth)
        for call, (weights, tokens, _) in zip(calls, truth):
            given, given_tokens = call
            assert np.array_equal(given_tokens, tokens) and given.keys() == weights.keys()
            assert all(np.array_equal(given[name], weights[name]) for name in weights)
        assert leaked(repr([rest, *(call[0].keys() for call in calls)])) == set()


def test_a_sample_stopped_by_a_limit_is_scored(tmp_path):
    """--message-limit: what model.py is by then counts, and the log tells of the limit."""
    scripts = {"right": [write({"model.py": RIGHT}), CHECK], "none": [CHECK]}
    samples = run_cases(scripts, tmp_path, sandbox="local", message_limit=7)
    for case, value, reason in (("right", 1, "passed"), ("none", 0, "no_file")):
        assert samples[case].limit.type == "message"
        assert (score(samples[case]).value, score(samples[case]).metadata["reason"]) == (
            value,
            reason,
        )
