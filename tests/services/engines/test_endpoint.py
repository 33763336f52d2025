"""Running servers as one policy, against real HTTP servers."""

from __future__ import annotations

import asyncio

import pytest

from dialogue.errors import EngineError
from dialogue.tool_text import calls_of
from services.engines import EngineConfig, open_engine
from tests.helpers.model_server import model_server


def user(text):
    return {"role": "user", "content": text}


def config(*urls, **settings):
    return EngineConfig("endpoint", model="tiny", urls=urls, **settings)


def test_dialogues_spread_over_servers_and_each_stays_with_one(tmp_path):
    async def play(policy):
        openings = [user(f"dialogue {i}") for i in range(40)]
        await asyncio.gather(*(policy([one], [], seed=0) for one in openings))
        longer = [[one, {"role": "assistant", "content": one["content"]}] for one in openings]
        await asyncio.gather(*(policy([*two, user("more")], [], seed=0) for two in longer))

    with model_server() as (first, at_first), model_server() as (second, at_second):
        with open_engine(config(first, second), log=tmp_path / "log") as policy:
            asyncio.run(play(policy))
        opened = [{r["messages"][0]["content"] for r in asked} for asked in (at_first, at_second)]
    assert not opened[0] & opened[1]
    assert min(len(at_first), len(at_second)) > 10


def test_event_loops_may_follow_one_another(tmp_path):
    with model_server() as (url, asked), open_engine(config(url), log=tmp_path / "log") as policy:
        answers = [asyncio.run(policy([user(text)], [], seed=1)) for text in ("a", "b")]
    assert [answer.message["content"] for answer in answers] == ["a", "b"]
    assert [body["seed"] for body in asked] == [1, 1]


def test_settings_reach_the_server(tmp_path):
    settings = {"temperature": 0.3, "top_p": 0.9, "max_tokens": 7}
    with (
        model_server() as (url, asked),
        open_engine(config(url, **settings), log=tmp_path / "log") as policy,
    ):
        asyncio.run(policy([user("a")], [], seed=5))
    assert {**settings, "seed": 5}.items() <= asked[0].items()


CALL = '{"name": "search_hotel", "arguments": {"area": "north"}}'


def test_texts_are_read_by_the_parser_that_is_named(tmp_path, tiny_model):
    settings = {"text_tools": True, "tool_parser": "json", "tokenizer": str(tiny_model)}
    with (
        model_server() as (url, asked),
        open_engine(config(url, **settings), log=tmp_path / "log") as policy,
    ):
        answers = [
            asyncio.run(policy([user(text)], [], seed=1))
            for text in (CALL, f"<think>{CALL}</think>the north?")
        ]
    assert calls_of(answers[0].message) == [("search_hotel", '{"area": "north"}')]
    assert answers[1].message == {
        "role": "assistant",
        "content": "the north?",
        "reasoning_content": CALL,
    }
    assert "chat_template_kwargs" not in asked[0]


def test_arguments_of_the_chat_template_reach_the_server(tmp_path):
    kwargs = {"enable_thinking": False}
    with (
        model_server() as (url, asked),
        open_engine(config(url, chat_template_kwargs=kwargs), log=tmp_path / "log") as policy,
    ):
        asyncio.run(policy([user("a")], [], seed=5))
    assert asked[0]["chat_template_kwargs"] == kwargs


def test_a_parser_for_messages_that_are_no_text_is_refused(tmp_path):
    said = fails(config("http://127.0.0.1:9/v1", tool_parser="json"), tmp_path)
    assert "set engine.text_tools to true" in said


def test_the_key_comes_from_the_environment_and_stays_out_of_the_log(tmp_path, monkeypatch):
    monkeypatch.setenv("SOME_KEY", "secret-1")
    log = tmp_path / "log"
    with model_server(key="secret-1") as (url, _):
        with open_engine(config(url, api_key_env="SOME_KEY"), log=log) as policy:
            answer = asyncio.run(policy([user("a")], [], seed=5))
        with pytest.raises(EngineError, match="401"), open_engine(config(url), log=log):
            pass
    assert answer.message["content"] == "a"
    assert "secret-1" not in log.read_text()


@pytest.mark.parametrize("key", ["secret-1\n", " secret-1 ", "secret-1\r\n"])
def test_white_space_around_a_key_is_none_of_it(tmp_path, monkeypatch, key):
    monkeypatch.setenv("SOME_KEY", key)
    with (
        model_server(key="secret-1") as (url, asked),
        open_engine(config(url, api_key_env="SOME_KEY"), log=tmp_path / "log") as policy,
    ):
        asyncio.run(policy([user("a")], [], seed=5))
    assert len(asked) == 1


def test_what_is_no_key_is_refused_by_the_name_of_its_variable(tmp_path, monkeypatch):
    monkeypatch.setenv("SOME_KEY", "secret\r\nX-Other: 1")
    said = fails(config("http://127.0.0.1:9/v1", api_key_env="SOME_KEY"), tmp_path)
    assert "engine.api_key_env: the key in the environment variable SOME_KEY" in said
    assert "secret" not in said


def test_a_server_that_is_away_at_first_is_done_without(tmp_path):
    gone, log = "http://user:hidden@127.0.0.1:9/v1", tmp_path / "log"
    with (
        model_server() as (url, asked),
        open_engine(config(gone, url), log=log) as policy,
    ):
        for text in "abcd":
            asyncio.run(policy([user(text)], [], seed=5))
    assert len(asked) == 4
    assert "no model server answers at http://127.0.0.1:9/v1" in log.read_text()
    assert "hidden" not in log.read_text()


def fails(settings, tmp_path):
    with pytest.raises(EngineError) as failure, open_engine(settings, log=tmp_path / "log"):
        pass
    return str(failure.value)


def test_what_is_wrong_with_an_endpoint_is_said_at_once(tmp_path):
    assert "engine.urls is empty" in fails(config(), tmp_path)
    nobody = "http://127.0.0.1:9/v1"
    assert f"no model server answers at {nobody}" in fails(config(nobody, nobody), tmp_path)
    with model_server(name="other") as (url, _):
        assert "one of other" in fails(config(url), tmp_path)
    assert "NO_SUCH_KEY is not set" in fails(config("x", api_key_env="NO_SUCH_KEY"), tmp_path)
