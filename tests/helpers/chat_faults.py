"""Kinds of answers of a chat endpoint, byte by byte: usable, garbled, passing, final, endless."""

from __future__ import annotations

import asyncio
import copy
import gzip
import json
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from tests.helpers.chat_server import said

Answer = Callable[[dict[str, Any]], bytes]
"""The bytes of a response, from the body that a healthy server would send."""
CALL = {"id": "x", "type": "function", "function": {"name": "reach", "arguments": '{"goal": "b"}'}}
TRUNCATED = "peer closed|RemoteProtocolError|ReadError"


def http(body: bytes | str, status: str = "200 OK", size: int | None = None, **more: str) -> bytes:
    packed = body.encode() if isinstance(body, str) else body
    headers = {"Content-Type": "application/json", **more}
    if size != -1:
        headers["Content-Length"] = str(len(packed) if size is None else size)
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status}\r\n{lines}\r\n".encode() + packed


def healthy(body: dict[str, Any]) -> bytes:
    return http(json.dumps(body))


def always(response: bytes) -> Answer:
    return lambda _body: response


def with_(path: str, value: Any) -> Answer:
    """A healthy body with one field changed: ``choices.0.message.content``."""

    def answer(body: dict[str, Any]) -> bytes:
        changed: Any = copy.deepcopy(body)
        *outer, last = [int(key) if key.isdigit() else key for key in path.split(".")]
        inner = changed
        for key in outer:
            inner = inner[key]
        inner[last] = value
        return healthy(changed)

    return answer


def calling(**changes: Any) -> Answer:
    """A healthy body with a tool call, whose function is changed."""
    call = {**CALL, "function": {**CALL["function"], **changes}}  # type: ignore[dict-item]
    return with_("choices.0.message.tool_calls", [call])


def ended(reason: Any) -> Answer:
    return with_("choices.0.finish_reason", reason)


def packed(how: Callable[[bytes], bytes], encoding: str) -> Answer:
    return lambda body: http(how(json.dumps(body).encode()), Content_Encoding=encoding)


def chunked(body: dict[str, Any]) -> bytes:
    text = json.dumps(body).encode()
    return http(b"%x\r\n%s\r\n0\r\n\r\n" % (len(text), text), size=-1, Transfer_Encoding="chunked")


def parts(body: dict[str, Any]) -> bytes:
    text = body["choices"][0]["message"]["content"]
    shown = [{"type": "text", "text": text[:1]}, {"type": "text", "text": text[1:]}]
    thought = {"type": "thinking", "thinking": [{"type": "text", "text": "Bye?"}]}
    return with_("choices.0.message.content", [thought, *shown])(body)


DEEP, DEEPER = "[" * 100_000, '{"a": ' * 100_000
MESSAGE, CHOICE = "choices.0.message", "choices.0"

USABLE: Mapping[str, Answer] = {
    "healthy": healthy,
    "chunked": chunked,
    "until closed": lambda body: http(json.dumps(body), size=-1, Connection="close"),
    "gzip": packed(gzip.compress, "gzip"),
    "deflate": packed(zlib.compress, "deflate"),
    "UTF-16": lambda body: http(json.dumps(body).encode("utf-16")),
    "another type": lambda body: http(json.dumps(body), Content_Type="text/html"),
    "created": lambda body: http(json.dumps(body), "201 Created"),
    "content in parts": parts,
    "usage null": with_("usage", None),
    "usage empty": with_("usage", {}),
    "counts null": with_("usage", {"prompt_tokens": None, "completion_tokens": None}),
    "model null": with_("model", None),
    "no finish reason": ended(None),
    "another finish reason": ended("eos_token"),
    "error null": with_("error", None),
    "tool calls null": with_(f"{MESSAGE}.tool_calls", None),
    "tool calls empty": with_(f"{MESSAGE}.tool_calls", []),
    "token ids null": with_(f"{CHOICE}.token_ids", None),
    "logprobs null": with_(f"{CHOICE}.logprobs", None),
    "thought apart": with_(f"{MESSAGE}.reasoning_content", "Bye?"),
    "unknown fields": with_("timings", {"prompt_ms": [[[1e300]]]}),
}
"""Answers that say what the healthy one does."""

GARBLED: Mapping[str, Answer] = {
    "HTML": always(http("<html>\n<body>\n")),
    "nothing": always(http("")),
    "no content": always(b"HTTP/1.1 204 No Content\r\n\r\n"),
    "half": lambda body: http(json.dumps(body)[:60]),
    "two": lambda body: http(json.dumps(body) * 2),
    "a stream of events": lambda body: http(f"data: {json.dumps(body)}\n\ndata: [DONE]\n\n"),
    "no UTF-8": always(http(b'{"choices": "\xff\xfe"}')),
    "NUL": always(http(b"\0" * 50)),
    **{
        f"body {text[:9]}": always(http(text))
        for text in (
            "null",
            "5",
            "true",
            '"text"',
            "[]",
            "{}",
            DEEP,
            '{"a": ' * 100_000,
            "9" * 9000,
        )
    },
    "choices null": with_("choices", None),
    "choices empty": with_("choices", []),
    "choices text": with_("choices", "text"),
    "choices object": with_("choices", {"0": {}}),
    "choice null": with_("choices", [None]),
    "message null": with_(MESSAGE, None),
    "message text": with_(MESSAGE, "text"),
    "message list": with_(MESSAGE, []),
    **{
        f"content {value!r:.20}": with_(f"{MESSAGE}.content", value)
        for value in (5, True, {"text": "a"}, [5], [{"type": "image"}], "a\ud800b", [["a"]])
    },
    "a raw surrogate": always(http(b'{"choices": [{"message": {"content": "\xed\xa0\x80"}}]}')),
    "error beside": with_("error", {"code": 502, "message": "upstream is gone"}),
    "error only": always(http('{"error": "upstream is gone"}')),
    "error in the choice": with_(f"{CHOICE}.error", {"message": "upstream is gone"}),
    **{
        f"ended by {reason}": ended(reason)
        for reason in ("error", "abort", "content_filter", "network_error", "unheard of", 3, ["a"])
    },
    **{
        f"usage {value!r:.20}": with_("usage", value)
        for value in (5, "text", [1], {"prompt_tokens": 2**70}, {"prompt_tokens": -1})
    },
    **{
        f"count {value!r:.20}": with_("usage", {"completion_tokens": value})
        for value in ("5", 1.5, True, [5], 1e999)
    },
    "cached text": with_("usage.prompt_tokens_details", "text"),
    "model number": with_("model", 5),
    "model surrogate": with_("model", "\udcff"),
    **{
        f"token ids {value!r:.20}": with_(f"{CHOICE}.token_ids", value)
        for value in ("text", 5, [2**70], [-1], [None], [1.5], {"1": 2})
    },
    **{
        f"logprobs {value!r:.40}": with_(f"{CHOICE}.logprobs", value)
        for value in (
            5,
            {"content": [5]},
            {"content": [{}]},
            *(
                {"content": [{"logprob": one}]}
                for one in ("-1", None, float("nan"), float("-inf"), -(2**70))
            ),
        )
    },
    **{
        f"tool calls {value!r:.20}": with_(f"{MESSAGE}.tool_calls", value)
        for value in (5, "text", {"a": 1}, [None], [5], [{}], [{"function": None}])
    },
    **{f"name {value!r}": calling(name=value) for value in (None, 5, ["a"], "a\ud800")},
    "arguments surrogate": calling(arguments='{"goal": "\ud800"}'),
    "arguments NaN": calling(arguments={"goal": float("nan")}),
    "bad gzip": always(http("no gzip at all", Content_Encoding="gzip")),
    "half a gzip": lambda body: packed(lambda text: gzip.compress(text)[:-20], "gzip")(body),
    "bad deflate": always(http("no deflate", Content_Encoding="deflate")),
    "gzip bomb": always(http(gzip.compress(bytes(70 * 2**20), 1), Content_Encoding="gzip")),
}
"""Answers that nobody can read, or keep: asked for again a few times."""

PASSING: Mapping[str, Answer] = {
    **{
        f"status {status}": always(http("try\nlater", f"{status} Later"))
        for status in (408, 409, 425, 429, 500, 502, 503, 504, 529)
    },
    "retry after": always(http("", "429 Busy", Retry_After="99999")),
    "HTML of 502": always(http("<html>\n" * 9999, "502 Bad Gateway")),
    "closed at once": always(b""),
    "closed in the headers": always(b"HTTP/1.1 200 OK\r\nContent-Le"),
    "closed in the body": lambda body: http(json.dumps(body), size=9999),
    "no HTTP": always(b"SSH-2.0-OpenSSH_9.6\r\n"),
    "bad status line": always(b"HTTP/1.1 abc\r\n\r\n"),
    "bad size": always(b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n{}"),
    "two sizes": always(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}"),
    "bad chunk": always(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n"),
    "huge header": always(b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 200_000 + b"\r\n\r\n"),
}
"""Answers of a server that is away, busy or broken: waited for."""

FINAL: Mapping[str, Answer] = {
    **{
        f"status {status}": always(http('{"error":\n "no such thing"}', f"{status} No"))
        for status in (400, 401, 402, 403, 404, 405, 413, 422, 451)
    },
    "redirect": always(http("", "301 Moved", Location="http://127.0.0.1:9/")),
    "redirect in a circle": always(http("", "307 Moved", Location="/v1/chat/completions")),
    "not modified": always(b"HTTP/1.1 304 Not Modified\r\n\r\n"),
}
"""Answers that would be the same again: said at once."""

Talk = Callable[[asyncio.StreamWriter], Awaitable[None]]


async def _silent(_writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(30)


async def _silent_in_the_body(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")
    await asyncio.sleep(30)


def _dripping(begin: bytes, drop: bytes) -> Talk:
    async def talk(writer: asyncio.StreamWriter) -> None:
        writer.write(begin)
        for _ in range(1000):
            writer.write(drop)
            await writer.drain()
            await asyncio.sleep(0.03)

    return talk


ENDLESS: Mapping[str, Talk] = {
    "silent": _silent,
    "silent in the body": _silent_in_the_body,
    "dripping headers": _dripping(b"HTTP/1.1 200 OK\r\n", b"X-A: a\r\n"),
    "dripping body": _dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", b" "),
    "go on for ever": _dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
}
"""Servers that never end their answer."""


class Endpoint:
    """A server whose answers a test chooses.

    Attributes:
        say: The healthy answer to a request.
        ill: What it sends in place of its next answers, and for how many of them; None is for ever.
        asked: Number of its requests.
    """

    def __init__(self, say: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        self.say = say
        self.ill: Answer | Talk = healthy
        self.times: int | None = 0
        self.asked = 0

    def be(self, ill: Answer | Talk, times: int | None = None) -> None:
        self.ill, self.times, self.asked = ill, times, 0

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            size = int(head.lower().partition(b"content-length:")[2].split()[0])
            body = self.say(json.loads(await reader.readexactly(size)))
            self.asked += 1
            ill = self.ill if self.times is None or self.asked <= self.times else healthy
            if asyncio.iscoroutinefunction(ill):
                await ill(writer)
            else:
                writer.write(ill(body))  # type: ignore[arg-type]
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def endpoint(
    say: Callable[[dict[str, Any]], dict[str, Any]] = lambda _request: said("hm"),
) -> AsyncIterator[tuple[Endpoint, str]]:
    """An endpoint and its address. Each answer has a connection of its own."""
    served = Endpoint(say)
    async with await asyncio.start_server(served.handle, "127.0.0.1", 0) as server:
        yield served, "http://127.0.0.1:{1}/v1".format(*server.sockets[0].getsockname())
