"""Real OpenAI-compatible servers on loopback whose models are scripted policies."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

from toolwoz.completion import Policy


@dataclass
class Agents:
    """A server.

    Attributes:
        models: Name -> who answers for it.
        url: Up to and with ``/v1``.
        refusals: So many requests are refused before the next is answered.
        asked: The requests that were answered, each as JSON text.
    """

    models: Mapping[str, Policy]
    url: str = ""
    refusals: int = 0
    asked: list[str] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    def listed(self) -> dict[str, Any]:
        return {"data": [{"id": name} for name in self.models]}

    def answer(self, body: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        """Status and body of the response."""
        with self.lock:
            if self.refusals:
                self.refusals -= 1
                return 400, {"error": "out of order"}
            self.asked.append(json.dumps(body, sort_keys=True))
        policy = self.models[body["model"]]
        said = asyncio.run(policy(body["messages"], body.get("tools", ()), seed=body["seed"]))
        if said is None:
            return 400, {"error": "maximum context length"}
        choice = {"message": said.message, "finish_reason": said.finish_reason}
        usage = {"prompt_tokens": len(body["messages"]), "completion_tokens": 1}
        return 200, {"model": body["model"], "choices": [choice], "usage": usage}


class _Server(ThreadingHTTPServer):
    """A client that is killed is nothing to report."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError | json.JSONDecodeError):
            super().handle_error(request, client_address)


@contextmanager
def serving(models: Mapping[str, Policy]) -> Iterator[Agents]:
    """A server of these models, on a free port."""
    agents = Agents(models)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.send(200, agents.listed())

        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            self.send(*agents.answer(json.loads(self.rfile.read(length))))

        def send(self, status: int, body: Mapping[str, Any]) -> None:
            text = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            pass

    with _Server(("127.0.0.1", 0), Handler) as http:
        agents.url = f"http://127.0.0.1:{http.server_port}/v1"
        thread = Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield agents
        finally:
            http.shutdown()
            thread.join()
