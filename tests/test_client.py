"""The real client against a service that misbehaves: one conversation for each fault, in one run in Docker."""

import json
from collections import defaultdict

import pytest
from harness import CHECK, RIGHT, ROW, SUBMIT, score, start, the_log, write
from messages_api import Fault, MessagesAPI, Say

LOOK = ("bash", {"command": "ls"})
ANSWER = ("python", {"code": "print(6 * 7)"})
PORT = write({"model.py": RIGHT})
SORRY = "I cannot help with that."
GO_ON = "Please proceed to the next step"
MISSING = "is a required property"

WENT_ON = {  # turns between a look around and the right port; what the agent is told of them
    "tool calls": ([CHECK, ANSWER], "42"),
    "parallel tool calls": ([["All at once.", CHECK, ANSWER, LOOK]], "42"),
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
    "unknown tool": ([("edit", {"path": "model.py"})], "Tool edit not found"),
    "rate limit": ([Fault("rate_limit_error", 429, {"retry-after": "1"})], ""),
    "overloaded": ([Fault("overloaded_error", 529, {"retry-after": "1"})], ""),
    "overloaded for long": ([Fault("overloaded_error", 529)] * 4, ""),
    "server error": ([Fault("api_error", 500)], ""),
    "no answer": ([Fault()], ""),
    "dropped in the stream": ([Fault(events=3)], ""),
    "error in the stream": ([Fault("overloaded_error", events=3)], ""),
}
GAVE_UP = {  # turns after the look around, of which the last repeats
    "submits nothing": [SUBMIT],
    "refuses for ever": [Say([SORRY], "refusal")],
}
UNREADABLE = {  # arguments that the client cannot parse: it raises, and the sample starts again
    "arguments that are not JSON": [("bash", '{"command": ls}')],
    "arguments that are a list": [("bash", '["ls"]')],
}
AGAIN = "started again"
SCRIPTS = {
    **{case: [*turns, PORT, SUBMIT] for case, (turns, _) in WENT_ON.items()},
    **GAVE_UP,
    **UNREADABLE,
    AGAIN: [PORT, SUBMIT],  # last: the conversations that start again hear it too
}
PRICES = {"input": 1.0, "output": 5.0, "input_cache_write": 1.25, "input_cache_read": 0.1}


@pytest.fixture(scope="module")
def run(docker, tmp_path_factory):
    """An epoch for each script: API, log, case -> samples."""
    folder = tmp_path_factory.mktemp("client")
    (folder / "prices.json").write_text(json.dumps({"anthropic/claude-haiku-4-5": PRICES}))
    with MessagesAPI(*([[case, LOOK], *turns] for case, turns in SCRIPTS.items())) as api:
        process = start(
            folder / "logs",
            *("--sample-id", ROW["id"], "--epochs", str(len(SCRIPTS)), "--retry-on-error"),
            *("--model-cost-config", str(folder / "prices.json")),
            ANTHROPIC_BASE_URL=api.url,
        )
        output, _ = process.communicate(timeout=600)
    assert process.returncode == 0, output
    log, samples = the_log(folder / "logs"), defaultdict(list)
    for sample in log.samples:
        samples[first_answer(sample).text].append(sample)
    return api, log, samples


def first_answer(sample):
    return next(message for message in sample.messages if message.role == "assistant")


def heard(sample) -> str:
    """All that the agent was told, errors of tools included."""
    errors = [m.error.message for m in sample.messages if m.role == "tool" and m.error]
    return "\n".join([*(m.text for m in sample.messages if m.role != "assistant"), *errors])


def test_every_sample_is_scored(run):
    """Whatever the service did: a success, without a sample that has an error or ran into a limit."""
    _, log, samples = run
    assert log.status == "success" and len(log.samples) == len(SCRIPTS)
    assert not any(sample.error or sample.limit for sample in log.samples)
    assert samples.keys() == {*WENT_ON, *GAVE_UP, AGAIN}


@pytest.mark.parametrize("case", WENT_ON)
def test_the_agent_goes_on(case, run):
    """It is told what was wrong with its answer, if that was its own, and the port that it writes then passes."""
    *_, samples = run
    (sample,), (_, said) = samples[case], WENT_ON[case]
    assert score(sample).value == 1, score(sample).explanation
    assert not sample.error_retries
    assert said in heard(sample)


@pytest.mark.parametrize("case", GAVE_UP)
def test_no_port(case, run):
    """Without a file the score is 0, and says so; a model that refuses three times in a row has ended."""
    *_, samples = run
    (sample,) = samples[case]
    assert (score(sample).value, score(sample).metadata["reason"]) == (0, "no_file")
    assert heard(sample).count(GO_ON) == (2 if case == "refuses for ever" else 0)


def test_a_sample_in_error_starts_again(run):
    """--retry-on-error: arguments that the client cannot parse cost the conversation, not the sample."""
    *_, samples = run
    errors = [error.message for sample in samples[AGAIN] for error in sample.error_retries or []]
    assert len(samples[AGAIN]) == 1 + len(UNREADABLE) and len(errors) == len(UNREADABLE)
    assert any("Unable to parse tool parameter JSON" in error for error in errors)
    assert any("Input should be a valid dictionary" in error for error in errors)
    assert all(score(sample).value == 1 for sample in samples[AGAIN])


def test_prompt_caching_is_on(run):
    """Every request marks its prompt, and every conversation reads what it has cached."""
    api, log, _ = run
    assert all("cache_control" in request.body for request in api.requests)
    assert all("cache_control" in request.body["tools"][-1] for request in api.requests)
    for sample in log.samples:
        assert sample.model_usage[log.eval.model].input_tokens_cache_read > 0


def test_usage_and_cost(run):
    """The log holds the tokens that the service counted, once each, and what they cost in dollars."""
    api, log, _ = run
    for sample in log.samples:
        usage = sample.model_usage[log.eval.model]
        counted = api.usage[int(first_answer(sample).tool_calls[0].id.split("_")[1])]
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
