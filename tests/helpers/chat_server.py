"""A real HTTP server that answers chat requests with what a test wrote down."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.helpers.http_server import Reply, Request, answering


@dataclass
class Server:
    """Where it is, what it says, and what it was asked."""

    url: str
    replies: list[Reply]
    requests: list[dict[str, Any]] = field(default_factory=list)
    authorization: list[str | None] = field(default_factory=list)


def said(content: str | None = "Which area?", **message: Any) -> dict[str, Any]:
    return {
        "model": "served-name",
        "choices": [
            {
                "message": {"role": "assistant", "content": content, **message},
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": 12,
            "completion_tokens": 5,
            "prompt_tokens_details": {"cached_tokens": 8},
        },
    }


@contextmanager
def serving(*replies: Reply) -> Iterator[Server]:
    """A server that gives these replies in order, the last one for ever."""
    script = Server("", list(replies))

    def respond(request: Request) -> Reply:
        script.requests.append({"path": request.path, **request.body})
        script.authorization.append(request.headers["Authorization"])
        return script.replies[min(len(script.requests), len(script.replies)) - 1]

    with answering(respond) as address:
        script.url = f"{address}/v1"
        yield script
