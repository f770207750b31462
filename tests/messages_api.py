"""A loopback server for the Anthropic Messages API that plays a script.

A script is a list of turns; a turn is what the assistant says: a text, a (tool, arguments) pair, or a list of
these. Which turn comes next depends on the request alone (the number of assistant messages in it), so
concurrent conversations each hear the script from its start. The last turn repeats.

    with MessagesAPI([("bash", {"command": "ls"}), ("submit", {"answer": "done"})]) as api:
        ...  # ANTHROPIC_BASE_URL=api.url
    api.requests
"""

import json
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from threading import Thread
from typing import Any

Block = str | tuple[str, dict]
Turn = Block | list[Block]


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
    def __init__(self, script: list[Turn]):
        self.script, self.requests, self.number = script, [], count(1)
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler(self))
        self.server.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self):
        Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def message(self, request: dict) -> dict:
        """The script's answer to a request."""
        said = sum(message["role"] == "assistant" for message in request["messages"])
        turn, number = self.script[min(said, len(self.script) - 1)], next(self.number)
        content = []
        for n, part in enumerate(turn if isinstance(turn, list) else [turn]):
            if isinstance(part, str):
                content.append({"type": "text", "text": part})
            else:
                tool = {"type": "tool_use", "id": f"toolu_{number:06}_{n}"}
                content.append(tool | {"name": part[0], "input": part[1]})
        tools = any(block["type"] == "tool_use" for block in content)
        return {
            "id": f"msg_{number:06}",
            "type": "message",
            "role": "assistant",
            "model": request["model"],
            "content": content,
            "stop_reason": "tool_use" if tools else "end_turn",
            "stop_sequence": None,
            "usage": {
                "input_tokens": tokens(request),
                "output_tokens": tokens(content),
                "cache_creation_input_tokens": 0,
                "cache_read_input_tokens": 0,
            },
        }


def tokens(value) -> int:
    return 1 + len(json.dumps(value)) // 4


def events(message: dict):
    """A message as the events of a stream."""
    usage = message["usage"]
    start = {"content": [], "stop_reason": None, "usage": usage | {"output_tokens": 1}}
    yield {"type": "message_start", "message": message | start}
    for n, block in enumerate(message["content"]):
        if block["type"] == "text":
            empty, kind, field, data = {"text": ""}, "text_delta", "text", block["text"]
        else:
            empty, kind, field = {"input": {}}, "input_json_delta", "partial_json"
            data = json.dumps(block["input"])
        yield {"type": "content_block_start", "index": n, "content_block": block | empty}
        for at in range(0, max(1, len(data)), 4000):
            delta = {"type": kind, field: data[at : at + 4000]}
            yield {"type": "content_block_delta", "index": n, "delta": delta}
        yield {"type": "content_block_stop", "index": n}
    end = {name: message[name] for name in ("stop_reason", "stop_sequence")}
    yield {"type": "message_delta", "delta": end, "usage": usage}
    yield {"type": "message_stop"}


def handler(api: MessagesAPI) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            api.requests.append(Request(self.path, dict(self.headers), body))
            match self.path.partition("?")[0]:
                case "/v1/messages" if body.get("stream"):
                    lines = (
                        f"event: {event['type']}\ndata: {json.dumps(event)}\n\n"
                        for event in events(api.message(body))
                    )
                    self.answer(200, "".join(lines), "text/event-stream")
                case "/v1/messages":
                    self.answer(200, json.dumps(api.message(body)))
                case "/v1/messages/count_tokens":
                    self.answer(200, json.dumps({"input_tokens": tokens(body)}))
                case _:
                    error = {"type": "not_found_error", "message": self.path}
                    self.answer(404, json.dumps({"type": "error", "error": error}))

        def answer(self, status, text, kind="application/json"):
            data = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_):
            pass

    return Handler
