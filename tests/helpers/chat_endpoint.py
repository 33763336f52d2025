"""A real HTTP server of models whose answers a test computes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tests.helpers.http_server import Reply, Request, answering


@contextmanager
def serving(
    say: Callable[[dict[str, Any]], str | Reply], models: Sequence[str] = ("model",)
) -> Iterator[str]:
    """The URL of a server that offers these models and answers a request with what `say` says."""

    def respond(request: Request) -> Reply:
        if request.body is None:
            return Reply({"data": [{"id": name} for name in models]})
        said = say(request.body)
        if isinstance(said, Reply):
            return said
        message = {"role": "assistant", "content": said}
        return Reply({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})

    with answering(respond) as address:
        yield f"{address}/v1"
