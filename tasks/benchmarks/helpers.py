"""Helper models: a judge of answers, and a simulator of the user or an API."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from services.engines import EngineSettings, open_engine
from services.engines.config import Backend
from tasks.benchmarks.options import Helper

MAX_TOKENS = 1024
Role = Literal["judge", "simulator"]
ROLES: Mapping[Role, str] = {
    "judge": "rates answers",
    "simulator": "plays the user or the API",
}


@dataclass(frozen=True, slots=True)
class HelperModel:
    """The model of a role; none if url and model are empty.

    Attributes:
        url: Address of an OpenAI-compatible endpoint, up to and with ``/v1``, or a recording
            (``.jsonl``).
        model: Name of the model at the endpoint.
        api_key_env: Name of the environment variable that holds the endpoint's key; "" for none.
        timeout: Seconds to wait for an answer.
        max_tokens: Maximum number of tokens of an answer; some protocols ask for an explanation.
    """

    url: str = ""
    model: str = ""
    api_key_env: str = ""
    timeout: float = 120.0
    max_tokens: int = MAX_TOKENS

    @property
    def title(self) -> str:
        """Name of the model in every figure that it took part in."""
        cut = self.max_tokens != MAX_TOKENS
        return f"{self.model} (at most {self.max_tokens} tokens)" if cut else self.model


NO_MODEL = HelperModel()


@contextmanager
def open_helper(role: Role, named: HelperModel, log: Path) -> Iterator[Helper | None]:
    """The model of a role, until the context ends; None if no model is named.

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
    with open_engine(settings.of(model, 0.0), log=log) as policy:
        yield Helper(named.title, policy)


def backend_of(model: str, default: Backend) -> Backend:
    """The backend for a URL or a recording; the default for a folder."""
    if is_url(model):
        return "endpoint"
    return "recorded" if model.endswith(".jsonl") else default


def is_url(model: str) -> bool:
    return model.startswith(("http://", "https://"))
