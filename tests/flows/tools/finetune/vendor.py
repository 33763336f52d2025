"""A real HTTP server like a vendor's: keys, models by name, and tool calls in OpenAI's format.

Its models are scripted: one plays as the expert does, the other spoils most of its calls.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from dialogue.protocols import Completion, Message, Policy
from tests.helpers.http_server import Reply, Request, answering
from toolwoz.agents.expert import Expert
from toolwoz.agents.noisy import Noisy
from toolwoz.world.world import World

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

    def respond(request: Request) -> Reply:
        if request.headers["Authorization"] != f"Bearer {KEY}":
            told.refused += 1
            return Reply({"error": {"message": "no such key"}}, 401)
        body = request.body
        if body is None:
            return Reply({"data": [{"id": name} for name in models]})
        told.asked.append(body)
        asked = models[body["model"]](named(body["messages"]), body["tools"], seed=body["seed"])
        return Reply(chat_completion(body["model"], asyncio.run(asked)))

    with answering(respond) as address:
        told.url = f"{address}/v1"
        yield told


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
