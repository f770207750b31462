"""What the default run by claude-haiku-4-5 is expected to cost: four variants, ten attempts each.

    python benchmarks/cost.py

Measured: the characters of the first request, as Inspect's client sends it to a server on this machine.
Assumed, each with a flag: all else. Nothing is sent anywhere, and no key is needed.
"""

import argparse
import json
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml
from inspect_ai import eval as run_eval

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from messages_api import MessagesAPI  # noqa: E402

from inspect_task import orphan_checkpoint  # noqa: E402

MODEL = "anthropic/claude-haiku-4-5"
ASSUMED = {  # flag -> default, what it says
    "characters-per-token": (3.5, "of English and JSON; no tokenizer is public"),
    "tool-use-tokens": (500, "that the service adds to a request with tools"),
    "calls": (40, "model calls of an attempt"),
    "output-tokens": (500, "written by the model in a call"),
    "result-tokens": (400, "of tool output after a call"),
    "least-cached": (4096, "tokens, below which the service caches nothing"),
}


def first_request() -> dict:
    """The body of the request that starts an attempt: the task's own agent, without sandbox and scorer."""
    task = orphan_checkpoint()
    task.setup = task.scorer = task.sandbox = None
    task.dataset = task.dataset[:1]
    with MessagesAPI([("submit", {"answer": "done"})]) as api, TemporaryDirectory() as logs:
        run_eval(
            task,
            model=MODEL,
            model_base_url=api.url,
            model_args={"api_key": "none"},
            log_dir=logs,
            display="none",
        )
        return api.requests[0].body


def dollars(start: float, a: argparse.Namespace, price: dict) -> dict[str, float]:
    """Of an attempt, by kind of token. Each request is the one before, what the model wrote, and what the tool
    answered; what the service has seen is read from the cache, and the rest written to it."""
    tokens, seen = dict.fromkeys(price, 0.0), 0.0
    for call in range(a.calls):
        size = start + call * (a.output_tokens + a.result_tokens)
        cached = size >= a.least_cached
        tokens["input_cache_read"] += seen
        tokens["input_cache_write" if cached else "input"] += size - seen
        tokens["output"] += a.output_tokens
        seen = size if cached else 0.0
    return {kind: n * price[kind] / 1e6 for kind, n in tokens.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, (default, what) in ASSUMED.items():
        parser.add_argument(f"--{name}", type=type(default), default=default, help=what)
    parser.add_argument("--attempts", type=int, default=40)
    a = parser.parse_args()
    os.environ["NO_PROXY"] = "127.0.0.1"
    price = yaml.safe_load((ROOT / "costs.yaml").read_text())[MODEL]
    body = first_request()
    parts = {
        name: len(json.dumps(body[name]))
        for name in ("system", "tools", "messages")
        if name in body
    }
    start = sum(parts.values()) / a.characters_per_token + a.tool_use_tokens
    marks = json.dumps(body).count('"cache_control"')
    print(
        "measured  characters of the first request: "
        + ", ".join(f"{n} {c}" for n, c in parts.items())
    )
    print(f"measured  cache_control marks in it: {marks}")
    for name, (_, what) in ASSUMED.items():
        print(f"assumed   {getattr(a, name.replace('-', '_')):>6} {name}: {what}")
    print(f"prices    US dollars per million tokens: {price}")
    print(f"so        {start:,.0f} tokens in the first request")
    once = dollars(start, a, price)
    print("so        an attempt, US dollars: " + ", ".join(f"{k} {v:.3f}" for k, v in once.items()))
    for calls in (a.calls // 2, a.calls, 2 * a.calls):
        a.calls = calls
        print(
            f"so        {a.attempts} attempts of {calls} calls: {a.attempts * sum(dollars(start, a, price).values()):.2f} US dollars"
        )


if __name__ == "__main__":
    main()
