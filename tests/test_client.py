"""The real client against a service that misbehaves: one conversation for each fault, in one run in Docker."""

import json
from base64 import b64encode

import pytest

from tests.harness import CHECK, RIGHT, ROW, SUBMIT, WRONG, score, start, the_log, write
from tests.messages_api import Fault, MessagesAPI, Say

LOOK = ("bash", {"command": "ls"})
ANSWER = ("python", {"code": "print(6 * 7)"})
PORT = write({"model.py": RIGHT})
BAD_REQUEST = Fault("invalid_request_error", 400)
SLOW = ("bash", {"command": "sleep 2; echo slow > note"})
QUICK = ("bash", {"command": "echo quick > note"})
SORRY = "I cannot help with that."
GO_ON = "Please proceed to the next step"
MISSING = "is a required property"
DEEP = b64encode(b"[" * 3000 + b"]" * 3000).decode()
INTERNAL = (
    f"<content-internal>{DEEP}</content-internal>"  # how the client marks what it adds to a message
)
LONE = "\ud800"  # half a surrogate pair, which UTF-8 cannot hold

UNREADABLE = "(a message that could not be read: "


def nested(depth: int) -> str:
    """JSON of so many lists in each other."""
    return f'{{"command": {"[" * depth}{"]" * depth}}}'


WENT_ON = {  # turns between a look around and the right port; what the agent is told of them
    "tool calls": ([CHECK, ANSWER], "42"),
    "parallel tool calls": ([["All at once.", CHECK, ANSWER, LOOK]], "42"),
    "calls that depend on each other": (
        [[SLOW, QUICK, ("bash", {"command": "cat note"})]],
        "quick",
    ),
    "no tool call": (["The model is lost."], GO_ON),
    "nothing": ([Say([], "end_turn")], GO_ON),
    "empty text": ([""], GO_ON),
    "refusal": ([Say([SORRY], "refusal")], GO_ON),
    "refusal without a word, twice": ([Say([], "refusal")] * 2, GO_ON),
    "cut off in a text": ([Say(["The gate is"], "max_tokens")], GO_ON),
    "cut off in a call": ([Say([("python", '{"code": "open(1')], "max_tokens")], MISSING),
    "cut off in a submission": ([Say([("submit", '{"answer": "do')], "max_tokens")], ""),
    "argument of another name": ([("bash", {"cmd": "ls"})], MISSING),
    "argument of another type": ([("bash", {"command": {"ls": 1}})], "is not of type 'string'"),
    "argument that no tool has": ([("check_port", {"x": "y"})], "'x' was unexpected"),
    "argument of 140 kB": ([("bash", {"command": "echo " + "x" * 140_000})], "Argument list too"),
    "argument with a null byte": ([("bash", {"command": "echo \0"})], "null byte"),
    "nested arguments": ([("bash", nested(20_000))], ""),
    "arguments that the client reads and JSON does not": ([("bash", nested(196))], UNREADABLE),
    "a number that JSON does not have": ([("bash", '{"command": NaN}')], UNREADABLE),
    "a number that is too large": ([("bash", '{"command": 1e999}')], UNREADABLE),
    "arguments that are not JSON": ([("bash", '{"command": ls}')] * 2, UNREADABLE),
    "arguments that are a list": ([("bash", '["ls"]')], UNREADABLE),
    "a lone surrogate in a text": ([f"Let us {LONE} see."], GO_ON),
    "a lone surrogate in bash": ([("bash", {"command": f"echo {LONE}"})], ""),
    "a lone surrogate in python": ([("python", {"code": f"print('{LONE}')"})], ""),
    "a lone surrogate in a name": ([("bash", {LONE: "ls", "command": "ls"})], ""),
    "a lone surrogate for check_port": ([("check_port", {"x": LONE})], ""),
    "a lone surrogate in a tool's name": ([(f"bash{LONE}", {"command": "ls"})], ""),
    "a lone surrogate in JSON": ([("bash", f'{{"command": "{LONE}"}}')], ""),
    "unknown tool": ([("edit", {"path": "model.py"})], "Tool edit not found"),
    "rate limit": ([Fault("rate_limit_error", 429, {"retry-after": "1"})], ""),
    "overloaded": ([Fault("overloaded_error", 529, {"retry-after": "1"})], ""),
    "overloaded for long": ([Fault("overloaded_error", 529)] * 4, ""),
    "server error": ([Fault("api_error", 500)], ""),
    "no answer": ([Fault()], ""),
    "dropped in the stream": ([Fault(events=3)], ""),
    "error in the stream": ([Fault("overloaded_error", events=3)], ""),
}
LAST = {  # a port, what is said then, and the score of the port
    "submits a lone surrogate": (RIGHT, [("submit", {"answer": LONE})], 1),
    "never again any JSON": (RIGHT, [("bash", '{"command": ls}')], 1),
    "a wrong port, and never again any JSON": (WRONG, [("bash", '{"command": ls}')], 0),
    "what the client reads as nested too deep": (RIGHT, [INTERNAL], 1),
    "a wrong port, and 140 kB": (WRONG, [("bash", {"command": "x" * 140_000}), SUBMIT], 0),
    "a wrong port, and a lone surrogate": (WRONG, [("check_port", {"x": LONE}), SUBMIT], 0),
    "a wrong port, and a request that is refused": (WRONG, [BAD_REQUEST], 0),
}
GAVE_UP = {  # turns after the look around, of which the last repeats
    "submits nothing": [SUBMIT],
    "refuses for ever": [Say([SORRY], "refusal")],
}
NEVER_ANSWERED = [BAD_REQUEST]  # last: the service's fault, as a wrong key is
SCRIPTS = {
    **{case: [LOOK, *turns, PORT, SUBMIT] for case, (turns, _) in WENT_ON.items()},
    **{case: [LOOK, write({"model.py": port}), *turns] for case, (port, turns, _) in LAST.items()},
    **{case: [LOOK, *turns] for case, turns in GAVE_UP.items()},
}
PRICES = {"input": 1.0, "output": 5.0, "input_cache_write": 1.25, "input_cache_read": 0.1}


@pytest.fixture(scope="module")
def run(docker, tmp_path_factory):
    """An epoch for each script: API, log, case -> samples."""
    folder = tmp_path_factory.mktemp("client")
    (folder / "prices.json").write_text(json.dumps({"anthropic/claude-haiku-4-5": PRICES}))
    scripts = [[[case, turns[0]], *turns[1:]] for case, turns in SCRIPTS.items()]
    with MessagesAPI(*scripts, NEVER_ANSWERED) as api:
        process = start(
            folder / "logs",
            *("--sample-id", ROW["id"], "--epochs", str(len(SCRIPTS) + 1)),
            *("--model-cost-config", str(folder / "prices.json")),
            ANTHROPIC_BASE_URL=api.url,
        )
        output, _ = process.communicate(timeout=600)
    assert process.returncode == 0, output
    log, samples = the_log(folder / "logs"), {}
    for sample in log.samples:
        samples[first_answer(sample)] = sample
    return api, log, samples


def first_answer(sample) -> str:
    return next((message.text for message in sample.messages if message.role == "assistant"), "")


def heard(sample) -> str:
    """All that the agent was told, errors of tools included."""
    errors = [m.error.message for m in sample.messages if m.role == "tool" and m.error]
    return "\n".join([*(m.text for m in sample.messages), *errors])


def test_every_sample_is_scored(run):
    """Whatever the model says: a success, without a sample that ran into a limit. What the service refuses is an error;
    the attempt up to then is scored, where there was one."""
    _, log, samples = run
    assert log.status == "success" and len(log.samples) == len(SCRIPTS) + 1
    assert samples.keys() == {*SCRIPTS, ""}
    for case, sample in samples.items():
        assert sample.limit is None
        assert bool(sample.scores) == bool(case)
        assert bool(sample.error) == (case in ("", "a wrong port, and a request that is refused"))
    assert "scripted" in samples[""].error.message


@pytest.mark.parametrize("case", WENT_ON)
def test_the_agent_goes_on(case, run):
    """It is told what was wrong with its answer, if that was its own, and the port that it writes then passes."""
    *_, samples = run
    _, said = WENT_ON[case]
    assert score(samples[case]).value == 1, score(samples[case]).explanation
    assert said in heard(samples[case])


@pytest.mark.parametrize("case", LAST)
def test_the_port_is_scored_as_it_stands(case, run):
    *_, samples = run
    *_, value = LAST[case]
    assert score(samples[case]).value == value, score(samples[case]).explanation


@pytest.mark.parametrize("case", GAVE_UP)
def test_no_port(case, run):
    """Without a file the score is 0, and says so; a model that refuses three times in a row has ended."""
    *_, samples = run
    assert score(samples[case]).value == 0
    assert score(samples[case]).answer == score(samples[case]).metadata["reason"] == "no_file"
    assert heard(samples[case]).count(GO_ON) == (2 if case == "refuses for ever" else 0)


def test_one_call_at_a_time(run):
    """The service is asked for no parallel calls, and the prompt of the system tells what the task needs."""
    api, *_ = run
    for request in api.requests:
        assert request.body["tool_choice"]["disable_parallel_tool_use"]
        (system,) = request.body["system"]
        assert system["text"] == "Call submit() when model.py is done."


def test_prompt_caching_is_on(run):
    """Every request marks its prompt, and every conversation reads what it has cached."""
    api, log, _ = run
    assert all("cache_control" in request.body for request in api.requests)
    assert all("cache_control" in request.body["tools"][-1] for request in api.requests)
    for sample in [sample for sample in log.samples if sample.scores]:
        assert sample.model_usage[log.eval.model].input_tokens_cache_read > 0


def test_usage_and_cost(run):
    """The log holds the tokens that the service counted, once each, and what they cost in dollars."""
    api, log, _ = run
    # of a message that it could not read the client does not count the tokens
    for sample in [s for s in log.samples if s.scores and UNREADABLE not in heard(s)]:
        usage = sample.model_usage[log.eval.model]
        first = next(message for message in sample.messages if message.role == "assistant")
        counted = api.usage[int(first.tool_calls[0].id.split("_")[1])]
        logged = {
            "input": (usage.input_tokens, counted["input_tokens"]),
            "output": (usage.output_tokens, counted["output_tokens"]),
            "input_cache_write": (
                usage.input_tokens_cache_write,
                counted["cache_creation_input_tokens"],
            ),
            "input_cache_read": (usage.input_tokens_cache_read, counted["cache_read_input_tokens"]),
        }
        assert all(ours == theirs > 0 for ours, theirs in logged.values()), logged
        cost = sum(PRICES[kind] * number for kind, (number, _) in logged.items()) / 1e6
        assert usage.total_cost == pytest.approx(cost)
