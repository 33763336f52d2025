"""The chat client against a real HTTP server that answers what each test wrote down."""

from __future__ import annotations

import asyncio
import copy
import json
import logging
import re
from typing import Any

import pytest

from dialogue.endpoints.client import ChatClient
from dialogue.endpoints.retries import Retry
from dialogue.endpoints.wire import sendable
from dialogue.errors import EndpointError
from dialogue.protocols import Completion, Message
from dialogue.tool_text import FunctionCall, assistant, calls_of, parse
from tests.helpers.chat_server import Server, said, serving
from tests.helpers.http_server import Reply, Request, answering

USER: Message = {"role": "user", "content": "A hotel, please."}
TOOL = {"type": "function", "function": {"name": "search_hotel", "parameters": {}}}
ONCE = Retry(patience=0)
QUICK = Retry(patience=0.3, first_wait=0.001, longest_wait=0.01)


def ask(server: Server, *messages: Message, **options: Any) -> Completion | None:
    async def once() -> Completion | None:
        async with ChatClient(server.url, "m", **{"retry": QUICK, **options}) as client:
            return await client(messages or [USER], [TOOL], seed=7)

    return asyncio.run(once())


def test_speech_comes_back_with_its_bookkeeping() -> None:
    with serving(Reply(said())) as server:
        completion = ask(server)
    assert completion is not None
    assert completion.message == {"role": "assistant", "content": "Which area?"}
    assert (completion.prompt_tokens, completion.completion_tokens) == (12, 5)
    assert (completion.cached_tokens, completion.model) == (8, "served-name")
    assert completion.seconds > 0


def test_the_request_carries_what_was_asked_for() -> None:
    with serving(Reply(said())) as server:
        ask(server, temperature=0.5, max_tokens=9, extra={"top_p": 0.9}, api_key="secret")
    request = server.requests[0]
    assert request["path"] == "/v1/chat/completions"
    assert request["messages"] == [USER]
    assert request["tools"] == [TOOL]
    asked = {
        key: request[key] for key in ("seed", "temperature", "max_tokens", "top_p", "tool_choice")
    }
    assert asked == {
        "seed": 7,
        "temperature": 0.5,
        "max_tokens": 9,
        "top_p": 0.9,
        "tool_choice": "auto",
    }
    assert server.authorization == ["Bearer secret"]


def test_fields_may_depend_on_the_tools() -> None:
    with serving(Reply(said())) as server:
        ask(server, of_tools=lambda tools: {"tag": [tool["function"]["name"] for tool in tools]})
    assert server.requests[0]["tag"] == ["search_hotel"]


def test_native_tool_calls_get_ids_by_position() -> None:
    calls = [
        {
            "id": f"random-{i}",
            "type": "function",
            "function": {"name": "search_hotel", "arguments": arguments},
        }
        for i, arguments in enumerate(['{"area": "north"}', {"area": "east"}, None])
    ]
    with serving(Reply(said(None, tool_calls=calls))) as server:
        completion = ask(server)
    assert completion is not None
    assert completion.message == assistant(
        "",
        [
            FunctionCall("search_hotel", text)
            for text in ('{"area": "north"}', '{"area": "east"}', "{}")
        ],
    )


def read(text: str, **_: object) -> Message:
    return parse(text)


def test_text_tools_are_parsed_here() -> None:
    text = '<tool_call>\n{"name": "search_hotel", "arguments": {"area": "north"}}\n</tool_call>'
    with serving(Reply(said(text)), Reply(said(text))) as server:
        parsed, raw = ask(server, text_tools=read), ask(server)
    assert parsed is not None
    assert raw is not None
    assert calls_of(parsed.message) == [("search_hotel", '{"area": "north"}')]
    assert raw.message["content"] == text


NO_PARSER = (
    '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set',
    "Please launch the api_server with --tool-call-parser if you want to use tool.",
)


@pytest.mark.parametrize("refusal", ["", *NO_PARSER])
def test_a_server_without_a_parser_shows_the_tools(refusal: str) -> None:
    """Whether it leaves them out at "none", as some, or refuses all else, as others."""

    def shown(request: Request) -> Reply:
        if "tools" in request.body and refusal and request.body["tool_choice"] != "none":
            return Reply({"error": {"message": refusal}}, 400)
        has_tools = "tools" in request.body and (refusal or request.body["tool_choice"] != "none")
        return Reply(said("shown" if has_tools else "not shown"))

    async def together(url: str) -> list[str]:
        async with ChatClient(url, "m", text_tools=read, retry=ONCE) as client:
            asked = (client([USER], tools, seed=1) for tools in ([TOOL], [TOOL], []))
            answers = [*await asyncio.gather(*asked), await client([USER], [TOOL], seed=2)]
            return [one.message["content"] if one else "" for one in answers]

    with answering(shown) as address:
        found = asyncio.run(together(f"{address}/v1"))
    assert found == ["shown", "shown", "not shown", "shown"]


def test_a_server_that_should_have_a_parser_is_refused() -> None:
    with (
        serving(Reply(NO_PARSER[0], 400)) as server,
        pytest.raises(EndpointError, match="requires"),
    ):
        ask(server)
    assert len(server.requests) == 1


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_thought_that_the_server_set_apart_is_kept_apart(field: str) -> None:
    body = said("which area?")
    body["choices"][0]["message"][field] = "hm"
    with serving(Reply(body)) as server:
        completion = ask(server)
    assert completion is not None
    assert completion.message == {**assistant("which area?"), "reasoning_content": "hm"}


def test_log_probabilities_and_token_ids() -> None:
    body = said()
    body["choices"][0] |= {
        "logprobs": {"content": [{"token": "a", "logprob": -0.5}, {"token": "b", "logprob": -2}]},
        "token_ids": [3, 4],
    }
    with serving(Reply(body)) as server:
        completion = ask(server, logprobs=True, extra={"return_token_ids": True})
    assert completion is not None
    assert (completion.logprobs, completion.token_ids) == ((-0.5, -2), (3, 4))
    assert server.requests[0]["logprobs"] is True


@pytest.mark.parametrize("status", [400, 413, 422, 200])
def test_a_full_context_is_no_error(status: int) -> None:
    error = {"code": "context_length_exceeded", "message": "Too many tokens."}
    with serving(Reply({"error": error}, status)) as server:
        assert ask(server) is None
    assert len(server.requests) == 1


def test_the_api_key_is_in_no_repr_log_or_error(caplog: pytest.LogCaptureFixture) -> None:
    key = "sk-very-secret"
    client = ChatClient("http://localhost/v1", "m", api_key=key)
    replies = Reply("", 429), Reply(f"Incorrect API key provided: {key}", 401)
    with (
        caplog.at_level(logging.DEBUG),
        serving(*replies) as server,
        pytest.raises(EndpointError, match=r"401 Unauthorized: .*\*\*\*") as caught,
    ):
        ask(server, api_key=key)
    assert key not in repr(client) + repr(vars(caught.value)) + str(caught.value) + caplog.text


def test_malformed_calls_are_sent_in_a_form_that_servers_read() -> None:
    message = {
        **assistant("Hm.", [FunctionCall("find hotel!", '{"area": '), FunctionCall("", "[1]")]),
        "reasoning": "x",
    }
    [sent] = sendable([message])
    assert set(sent) == {"role", "content", "tool_calls"}
    assert calls_of(sent) == [
        ("find_hotel_", '{"malformed": "{\\"area\\": "}'),
        ("unknown", '{"malformed": "[1]"}'),
    ]
    assert sendable([sent]) == [sent]


@pytest.mark.parametrize("ids", [("call_0", "call_1"), ("a", "a"), ("call00001", "call00000")])
def test_ids_are_nine_letters_and_digits_and_occur_once(ids: tuple[str, str]) -> None:
    calls = assistant("", [FunctionCall("a", "{}"), FunctionCall("b", "{}")])
    for call, given in zip(calls["tool_calls"], ids, strict=True):
        call["id"] = given
    results = [{"role": "tool", "tool_call_id": given, "content": given} for given in ids]
    history = [USER, calls, *results, assistant("Well?"), USER, calls, *results]
    before = copy.deepcopy(history)
    with serving(Reply(said())) as server:
        ask(server, *history)
    sent = server.requests[0]["messages"]
    made = [call["id"] for message in sent for call in message.get("tool_calls", ())]
    assert len(set(made)) == 4
    assert all(re.fullmatch("[a-zA-Z0-9]{9}", one) for one in made)
    assert [m["tool_call_id"] for m in sent if m["role"] == "tool"] == made
    assert history == before


def test_a_server_may_want_the_newer_name_of_the_limit() -> None:
    async def twice(url: str) -> None:
        async with ChatClient(url, "m", max_tokens=9, retry=ONCE) as client:
            for seed in (1, 2):
                assert await client([USER], seed=seed)

    why = "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
    refusal = Reply({"error": {"message": f"{why}'max_completion_tokens' instead."}}, 400)
    with serving(refusal, Reply(said())) as server:
        asyncio.run(twice(server.url))
    limits = [(r.get("max_tokens"), r.get("max_completion_tokens")) for r in server.requests]
    assert limits == [(9, None), (None, 9), (None, 9)]


@pytest.mark.parametrize("why", ["max_tokens is too large", "max_completion_tokens: at most 5"])
def test_another_refusal_of_a_limit_stands(why: str) -> None:
    with serving(Reply(why, 400)) as server, pytest.raises(EndpointError, match=why):
        ask(server)
    assert len(server.requests) == 1


def test_more_than_a_hundred_requests_at_once() -> None:
    everybody = asyncio.Barrier(150)

    async def busy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b'"seed":')
        await everybody.wait()  # nobody is answered before all have asked
        body = json.dumps(said()).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()
        writer.close()

    async def scenario() -> list[Completion | None]:
        async with await asyncio.start_server(busy, "127.0.0.1", 0) as server:
            url = "http://127.0.0.1:{1}/v1".format(*server.sockets[0].getsockname())
            async with ChatClient(url, "m", timeout=20, retry=ONCE) as client:
                return await asyncio.gather(*(client([USER], seed=i) for i in range(150)))

    assert all(asyncio.run(scenario()))
