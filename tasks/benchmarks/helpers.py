"""Helper models: a judge of answers, and a simulator of the user or an API."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from dialogue.endpoints.settings import ModelEndpoint
from services.engines import EngineSettings, open_engine
from services.engines.config import Backend
from tasks.benchmarks.options import Helper

MAX_TOKENS = 1024
"""Maximum number of tokens of a helper's answer; some protocols ask for an explanation."""
Role = Literal["judge", "simulator"]
ROLES: Mapping[Role, str] = {
    "judge": "rates answers",
    "simulator": "plays the user or the API",
}


NO_MODEL = ModelEndpoint(temperature=0.0, max_tokens=MAX_TOKENS)


def title(named: ModelEndpoint) -> str:
    """Name of the model in every figure that it took part in."""
    cut = named.max_tokens != MAX_TOKENS
    return f"{named.model} (at most {named.max_tokens} tokens)" if cut else named.model


@contextmanager
def open_helper(role: Role, named: ModelEndpoint, log: Path) -> Iterator[Helper | None]:
    """The model of a role, until the context ends; None if no model is named.

    Its ``url`` may also be a recording (``.jsonl``).

    Raises:
        ValueError: only its address or only its name is given.
        EngineError: the endpoint does not answer.
    """
    if bool(named.url) != bool(named.model):
        raise ValueError(f"a {role} needs both --{role} URL and --{role}-model NAME")
    if not named.url:
        yield None
        return
    settings = EngineSettings(
        backend_of(named.url, "endpoint"),
        max_tokens=named.max_tokens,
        timeout=named.timeout,
        urls=(named.url,),
        api_key_env=named.api_key_env,
    )
    model = named.model if is_url(named.url) else named.url
    with open_engine(settings.of(model, named.temperature), log=log) as policy:
        yield Helper(title(named), policy)


def backend_of(model: str, default: Backend) -> Backend:
    """The backend for a URL or a recording; the default for a folder."""
    if is_url(model):
        return "endpoint"
    return "recorded" if model.endswith(".jsonl") else default


def is_url(model: str) -> bool:
    return model.startswith(("http://", "https://"))
