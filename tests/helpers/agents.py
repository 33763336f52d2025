"""Real OpenAI-compatible servers on loopback whose models are scripted policies."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from dialogue.protocols import Policy
from tests.helpers.http_server import Reply, Request, answering


@dataclass
class Agents:
    """A server.

    Attributes:
        models: Name -> who answers for it.
        url: Up to and with ``/v1``.
        refusals: So many requests are refused before the next is answered.
        dies_at: It dies with that question; 0 for never.
        is_dead: It hangs up on whoever asks.
        asked: The requests that were answered, each as JSON text.
    """

    models: Mapping[str, Policy]
    url: str = ""
    refusals: int = 0
    dies_at: int = 0
    is_dead: bool = False
    asked: list[str] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    def listed(self) -> dict[str, Any]:
        return {"data": [{"id": name} for name in self.models]}

    def answer(self, body: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        """Status and body of the response; status 0 where there is none."""
        with self.lock:
            self.is_dead |= 0 < self.dies_at <= len(self.asked)
            if self.is_dead:
                return 0, {}
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


@contextmanager
def serving(models: Mapping[str, Policy]) -> Iterator[Agents]:
    """A server of these models, on a free port."""
    agents = Agents(models)

    def respond(request: Request) -> Reply:
        if request.body is None:
            return Reply(agents.listed())
        status, body = agents.answer(request.body)
        return Reply(body, status)

    with answering(respond) as address:
        agents.url = f"{address}/v1"
        yield agents
