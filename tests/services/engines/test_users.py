"""The users of the pipeline: rules by default, or a model behind a real HTTP server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

import pytest

from dialogue.endpoints.settings import ModelEndpoint
from dialogue.errors import EngineError
from dialogue.protocols import Message
from services.engines.endpoint import open_model
from tests.helpers.model_server import model_server
from toolwoz.users.agenda import AgendaUser
from toolwoz.users.choice import UserName, Users
from toolwoz.users.dialogues import DialogueConfig
from toolwoz.world.scenario import Scenario

SCENARIO = Scenario(
    id="SNG1",
    split="test",
    mode="v2",
    instructions=("You want a cheap hotel in the north.",),
    goals=(),
    human=("A cheap hotel, please.", "Where?", "In the north."),
)


@contextmanager
def open_users(
    name: UserName, model: ModelEndpoint, scenarios: Sequence[Scenario] = ()
) -> Iterator[Users]:
    config = DialogueConfig("", 1, 40, 4, 4, name, model)
    with config.open_users(scenarios, open_model) as users:
        yield users


DIALOGUE: list[Message] = [
    {"role": "user", "content": "A hotel, please."},
    {"role": "assistant", "content": "Which area?"},
]
OFFERED = ModelEndpoint(model="tiny", temperature=0.3, max_tokens=60)


def test_the_agenda_needs_no_model() -> None:
    with open_users("agenda", ModelEndpoint()) as users:
        assert isinstance(users(7), AgendaUser)


@pytest.mark.parametrize(("name", "sees_the_human"), [("goal", False), ("guide", True)])
def test_a_model_plays_the_user(name: str, sees_the_human: bool) -> None:
    with (
        model_server() as (url, asked),
        open_users(name, replace(OFFERED, url=url), [SCENARIO]) as users,  # type: ignore[arg-type]
    ):
        first = asyncio.run(users(1)(SCENARIO, DIALOGUE))
        asyncio.run(users(2)(SCENARIO, DIALOGUE))  # of another event loop, and another seed
    assert first == "Which area?", "the server repeats the last message"
    prompt, *dialogue = asked[0]["messages"]
    assert "cheap hotel in the north" in prompt["content"]
    assert ("In the north." in prompt["content"]) is sees_the_human
    assert dialogue[-1] == {"role": "user", "content": "Which area?"}
    sampling: Mapping[str, object] = {"model": "tiny", "temperature": 0.3, "max_tokens": 60}
    assert asked[0].items() >= sampling.items()
    assert asked[0]["seed"] != asked[1]["seed"]


def test_a_key_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with model_server(key="secret") as (url, _):
        keyed = replace(OFFERED, url=url, api_key_env="USER_KEY")
        with pytest.raises(EngineError, match=r"USER_KEY is not set.*user_model\.api_key_env"):
            open_users("goal", keyed).__enter__()
        monkeypatch.setenv("USER_KEY", "secret")
        with open_users("goal", keyed) as users:
            assert asyncio.run(users(1)(SCENARIO, DIALOGUE)) == "Which area?"


def test_what_is_missing_is_named() -> None:
    with pytest.raises(ValueError, match=r"set dialogue\.user_model\.url"):
        open_users("goal", ModelEndpoint()).__enter__()
    mute = replace(SCENARIO, human=())
    with pytest.raises(ValueError, match=r"1 scenarios have none.*\(SNG1"):
        open_users("guide", replace(OFFERED, url="http://127.0.0.1:9/v1"), [mute]).__enter__()
    with model_server(name="other") as (url, _), pytest.raises(EngineError, match="name one of"):
        open_users("goal", replace(OFFERED, url=url)).__enter__()
