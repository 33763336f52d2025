"""A real HTTP server of one model, which says again what it was told."""

from __future__ import annotations

from contextlib import contextmanager

from tests.helpers.http_server import Reply, answering


@contextmanager
def model_server(name="tiny", key=None):
    """An endpoint that offers one model and repeats the last message; yields what it was asked."""
    asked = []

    def respond(request):
        if key is not None and request.headers["Authorization"] != f"Bearer {key}":
            return Reply({"error": "no"}, 401)
        if request.body is None:
            return Reply({"data": [{"id": name}]})
        asked.append(request.body)
        message = {"role": "assistant", "content": request.body["messages"][-1]["content"]}
        return Reply({"choices": [{"message": message, "finish_reason": "stop"}]})

    with answering(respond) as address:
        yield f"{address}/v1", asked
