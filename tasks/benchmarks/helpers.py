"""The models beside the one under test: who judges answers, and who plays the world around it."""

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
    "judge": "reads answers",
    "simulator": "plays the user, or the API",
}


@dataclass(frozen=True, slots=True)
class HelperModel:
    """What plays a role; nobody, where all is empty.

    Attributes:
        url: Of an OpenAI-compatible endpoint, up to and with ``/v1``; or a recording (``.jsonl``).
        model: Name that the endpoint knows it by.
        api_key_env: Name of the environment variable that holds the endpoint's key; "" for none.
        timeout: Seconds the endpoint may take for an answer.
        max_tokens: Most tokens of an answer; the longest protocols ask for an explanation first.
    """

    url: str = ""
    model: str = ""
    api_key_env: str = ""
    timeout: float = 120.0
    max_tokens: int = MAX_TOKENS

    @property
    def title(self) -> str:
        """What stands beside every number it had a part in."""
        cut = self.max_tokens != MAX_TOKENS
        return f"{self.model} (at most {self.max_tokens} tokens)" if cut else self.model


NOBODY = HelperModel()


@contextmanager
def open_helper(role: Role, named: HelperModel, log: Path) -> Iterator[Helper | None]:
    """Who plays a role, until the context ends; None where nobody is named.

    Raises:
        ValueError: only its address or only its name is given.
        EngineError: it does not answer.
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


def backend_of(model: str, otherwise: Backend) -> Backend:
    """What asks a model that is named by a URL or a recording; else the other backend."""
    if is_url(model):
        return "endpoint"
    return "recorded" if model.endswith(".jsonl") else otherwise


def is_url(model: str) -> bool:
    return model.startswith(("http://", "https://"))
