"""The servers of Prefect and MLflow for this machine's programs and their own pages alone.

A page of another site reaches loopback from its reader's browser: by its own origin, or by a name
of its own that it lets point to 127.0.0.1 (DNS rebinding). Prefect checks neither, and MLflow
trusts the pages of every other server of this machine.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Any, Send], Awaitable[None]]
"""An application of ASGI: scope, receive, send."""


class OwnPages:
    """Refuses what is asked under another host's name, or by a page of another origin."""

    def __init__(self, app: App, origins: frozenset[str]) -> None:
        self._app = app
        self._origins = origins
        self._hosts = {origin.partition("://")[2] for origin in origins}

    async def __call__(self, scope: Message, receive: Any, send: Send) -> None:
        """Answer as the application, or with 403; a refused websocket is never opened."""
        asked = {name.decode(): value.decode("latin-1") for name, value in scope.get("headers", ())}
        if scope["type"] == "lifespan" or self._is_own(scope, asked):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close"})
        else:
            await send({"type": "http.response.start", "status": 403, "headers": []})
            await send({"type": "http.response.body", "body": b"only for pages of this server"})

    def _is_own(self, scope: Mapping[str, Any], asked: Mapping[str, str]) -> bool:
        if asked.get("host") not in self._hosts:
            return False
        if "origin" in asked:
            return asked["origin"] in self._origins
        # A browser names no origin where it only reads; no page sees the answer to a link.
        site, mode = asked.get("sec-fetch-site", "none"), asked.get("sec-fetch-mode")
        is_link = mode == "navigate" and scope.get("method") == "GET"
        return site in ("none", "same-origin") or is_link


def prefect() -> OwnPages:
    """Prefect's server, for the origins that its setting for CORS names."""
    from prefect.server.api.server import create_app
    from prefect.settings import PREFECT_SERVER_CORS_ALLOWED_ORIGINS

    origins = frozenset(PREFECT_SERVER_CORS_ALLOWED_ORIGINS.value().split(","))
    return OwnPages(create_app(final=True), origins)


def mlflow() -> OwnPages:
    """MLflow's server, the app ``own-pages`` of its command line, for the hosts that it allows."""
    from mlflow.server.fastapi_app import app

    hosts = os.environ["MLFLOW_SERVER_ALLOWED_HOSTS"].split(",")  # its option --allowed-hosts
    return OwnPages(app, frozenset(f"http://{host}" for host in hosts))
