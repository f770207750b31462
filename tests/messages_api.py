"""A loopback server for the Anthropic Messages API that plays scripts.

A script is a list of turns; a turn is what the assistant says: a text, a (tool, arguments) pair, a list of
these, or a Say, which has a stop reason too. Where a script holds a Fault, the next request of the conversation
gets that instead of an answer, and its retry gets what follows. The last turn repeats.

    with MessagesAPI([("bash", {"command": "ls"}), ("submit", {"answer": "done"})]) as api:
        ...  # ANTHROPIC_BASE_URL=api.url
    api.requests

The n-th conversation hears the n-th script, or the last. The ids of its tool calls tell which it is, so with
more than one script the first turn must call a tool.
"""

import json
import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from threading import Event, Semaphore, Thread
from typing import Any

Block = (
    str | tuple[str, dict | str]
)  # arguments that are a string are sent as they are: JSON, or not


@dataclass(frozen=True)
class Say:
    """A turn with the reason why it stopped: end_turn, tool_use, max_tokens, refusal."""

    content: list[Block]
    stop_reason: str


@dataclass(frozen=True)
class Fault:
    """An HTTP error with its status; or an answer that breaks off after some events, in an error event if
    there is an error, else in a closed connection. No events and no error: no answer at all."""

    error: str | None = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    events: int = 0


class Hold(Fault):
    """No answer, and that only once the API is released."""


Turn = Block | list[Block] | Say | Fault


@dataclass(frozen=True)
class Request:
    path: str
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def text(self) -> str:
        """All that the service saw of it."""
        return json.dumps([self.path, self.headers, self.body], ensure_ascii=False)


class MessagesAPI:
    """requests: what came in; usage: tokens by conversation, of whole messages; held: to be acquired once for
    each conversation that waits; released: to be set, so that they go on."""

    def __init__(self, *scripts: list[Turn]):
        self.scripts, self.number, self.conversations = scripts, count(1), count()
        self.requests: list[Request] = []
        self.usage: defaultdict[int, Counter[str]] = defaultdict(Counter)
        self.faults: Counter[int] = Counter()  # of a conversation, so far
        self.cached: defaultdict[int, int] = defaultdict(
            int
        )  # tokens of a conversation's last prompt
        self.held, self.released = Semaphore(0), Event()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler(self))
        self.server.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self):
        Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.released.set()
        self.server.shutdown()
        self.server.server_close()

    def turn(self, request: dict) -> tuple[int, Turn]:
        """The number of the request's conversation, and what comes next in its script."""
        said = sum(message["role"] == "assistant" for message in request["messages"])
        known = re.search(r"toolu_(\d+)_", json.dumps(request["messages"]))
        conversation = int(known[1]) if known else next(self.conversations) if not said else 0
        script = self.scripts[min(conversation, len(self.scripts) - 1)]
        turn = script[min(said + self.faults[conversation], len(script) - 1)]
        self.faults[conversation] += isinstance(turn, Fault)
        return conversation, turn

    def message(self, request: dict, conversation: int, turn: Block | list[Block] | Say) -> dict:
        """What the assistant says. A marked prompt is cached, and what was cached before is read."""
        say = turn if isinstance(turn, Say) else Say(turn if isinstance(turn, list) else [turn], "")
        number, content = next(self.number), []
        for n, part in enumerate(say.content):
            if isinstance(part, str):
                content.append({"type": "text", "text": part})
            else:
                tool = {"type": "tool_use", "id": f"toolu_{conversation:03}_{number:06}_{n}"}
                content.append(tool | {"name": part[0], "input": part[1]})
        tools = any(block["type"] == "tool_use" for block in content)
        prompt, read = tokens(request), self.cached[conversation]
        marked = "cache_control" in json.dumps(request)
        self.cached[conversation] = prompt if marked else 0
        return {
            "id": f"msg_{number:06}",
            "type": "message",
            "role": "assistant",
            "model": request["model"],
            "content": content,
            "stop_reason": say.stop_reason or ("tool_use" if tools else "end_turn"),
            "stop_sequence": None,
            "usage": {
                "input_tokens": 3 if marked else prompt,
                "output_tokens": tokens(content),
                "cache_creation_input_tokens": max(0, prompt - read) if marked else 0,
                "cache_read_input_tokens": read if marked else 0,
            },
        }


def tokens(value) -> int:
    return 1 + len(json.dumps(value)) // 4


def events(message: dict) -> list[dict]:
    """A message as the events of a stream."""
    usage = message["usage"]
    start = {"content": [], "stop_reason": None, "usage": usage | {"output_tokens": 1}}
    stream: list[dict] = [{"type": "message_start", "message": message | start}]
    for n, block in enumerate(message["content"]):
        if block["type"] == "text":
            empty, kind, field, data = {"text": ""}, "text_delta", "text", block["text"]
        else:
            empty, kind, field = {"input": {}}, "input_json_delta", "partial_json"
            data = block["input"] if isinstance(block["input"], str) else json.dumps(block["input"])
        stream.append({"type": "content_block_start", "index": n, "content_block": block | empty})
        for at in range(0, max(1, len(data)), 4000):
            delta = {"type": kind, field: data[at : at + 4000]}
            stream.append({"type": "content_block_delta", "index": n, "delta": delta})
        stream.append({"type": "content_block_stop", "index": n})
    end = {name: message[name] for name in ("stop_reason", "stop_sequence")}
    stream.append({"type": "message_delta", "delta": end, "usage": usage})
    return [*stream, {"type": "message_stop"}]


def lines(stream: list[dict]) -> str:
    return "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in stream)


def error(kind: str, text: str) -> dict:
    return {"type": "error", "error": {"type": kind, "message": text}}


def handler(api: MessagesAPI) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            api.requests.append(Request(self.path, dict(self.headers), body))
            match self.path.partition("?")[0]:
                case "/v1/messages":
                    self.play(body, *api.turn(body))
                case "/v1/messages/count_tokens":
                    self.answer(200, json.dumps({"input_tokens": tokens(body)}))
                case _:
                    self.answer(404, json.dumps(error("not_found_error", self.path)))

        def play(self, body, conversation, turn):
            match turn:
                case Hold():
                    api.held.release()
                    api.released.wait()
                    self.close_connection = True
                case Fault(error=None, events=0):
                    self.close_connection = True
                case Fault(error=kind, status=status, headers=headers) if status != 200:
                    self.answer(status, json.dumps(error(kind, "scripted")), headers=headers)
                case Fault(error=kind, events=number):
                    whole = events(api.message(body, conversation, "Let me see what is there."))
                    last = [error(kind, "scripted")] if kind else []
                    self.answer(200, lines(whole[:number] + last), "text/event-stream", more=1)
                case _:
                    message = api.message(body, conversation, turn)
                    api.usage[conversation].update(message["usage"])
                    if body.get("stream"):
                        self.answer(200, lines(events(message)), "text/event-stream")
                    else:
                        self.answer(200, json.dumps(message))

        def answer(self, status, text, kind="application/json", headers=None, more=0):
            """more: bytes that are announced and do not come, because the connection closes."""
            data = text.encode()
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data) + more))
            self.end_headers()
            self.wfile.write(data)
            self.close_connection |= bool(more)

        def log_message(self, *_):
            pass

    return Handler
