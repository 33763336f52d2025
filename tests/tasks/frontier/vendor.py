"""A real HTTP server like a vendor's: keys, models by name, and tool calls in OpenAI's format.

Its models are scripted: one plays as the expert does, the other spoils most of its calls.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from toolwoz.completion import Completion, Message, Policy
from toolwoz.policies.expert import Expert
from toolwoz.policies.noisy import Noisy
from toolwoz.world import World

KEY = "sk-of-the-test"
BASE, TUNED = "vendor-4o", "ft:vendor-4o:josh"


@dataclass
class Vendor:
    """Where it is, and what it was asked: with the right key, and without."""

    url: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list)
    refused: int = 0


@contextmanager
def vendor(world: World) -> Iterator[Vendor]:
    """The server, until the context ends."""
    models: Mapping[str, Policy] = {BASE: Noisy(Expert(world), 0.6), TUNED: Expert(world)}
    told = Vendor()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer({"data": [{"id": name} for name in models]})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            policy = models[body["model"]]
            asked = policy(named(body["messages"]), body["tools"], seed=body["seed"])
            completion = asyncio.run(asked)
            if self.answer(chat_completion(body["model"], completion)):
                told.asked.append(body)

        def answer(self, body: Any) -> bool:
            allowed = self.headers["Authorization"] == f"Bearer {KEY}"
            told.refused += not allowed
            text = json.dumps(body if allowed else {"error": {"message": "no such key"}}).encode()
            self.send_response(200 if allowed else 401)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)
            return allowed

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        told.url = f"http://127.0.0.1:{http.server_port}/v1"
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield told
        finally:
            http.shutdown()
            thread.join()


def named(messages: Sequence[Message]) -> list[Message]:
    """Messages in which a tool's answer says which tool: what is sent says it by the call's id."""
    made, names = [], dict[str, str]()
    for message in messages:
        calls = message.get("tool_calls") or ()
        names |= {call["id"]: call["function"]["name"] for call in calls}
        is_answer = message["role"] == "tool"
        made.append(message | {"name": names[message["tool_call_id"]]} if is_answer else message)
    return made


def chat_completion(model: str, completion: Completion | None) -> dict[str, Any]:
    """An answer as services give it: ids of their own, and no content beside calls."""
    assert completion is not None
    message = dict(completion.message)
    if calls := message.get("tool_calls"):
        message["tool_calls"] = [{**call, "id": f"call_x{hash(str(call))}"} for call in calls]
        message["content"] = None
    return {
        "model": f"{model}-2030-01-01",
        "choices": [{"message": message, "finish_reason": completion.finish_reason}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 10},
    }
