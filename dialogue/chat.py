"""A policy behind any OpenAI-compatible endpoint: vLLM, SGLang, llama.cpp, a vendor's."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpx

from dialogue.protocols import Completion, Message, Tool
from dialogue.retries import PATIENT, Retries
from dialogue.strict_json import dumps, loads
from dialogue.tool_text import FunctionCall, assistant, parse

# How servers word a 400 for a full context: OpenAI and vLLM "maximum context length" and
# "maximum model length", SGLang "context length", llama.cpp "available context size".
_CONTEXT_FULL = re.compile(r"context[ _](length|size|window)|maximum model length", re.IGNORECASE)
_MESSAGE_KEYS = ("role", "content", "name", "tool_calls", "tool_call_id")


class EngineError(RuntimeError):
    """The endpoint refused, failed, or answered what is no chat completion."""


@dataclass(frozen=True, slots=True)
class ModelEndpoint:
    """A model at an OpenAI-compatible endpoint, as a configuration names it.

    Attributes:
        url: Address of the endpoint, up to and with ``/v1``; "" for none.
        model: Name that the endpoint knows the model by.
        api_key_env: Name of the environment variable that holds the endpoint's key; "" for none.
        temperature: Of sampling; 0 is greedy.
        max_tokens: Most tokens of one message.
        timeout: Seconds the endpoint may take for an answer.
    """

    url: str = ""
    model: str = ""
    api_key_env: str = ""
    temperature: float = 0.7
    max_tokens: int = 256
    timeout: float = 120.0


class ChatClient:
    """A policy that asks a chat endpoint. Use it as an async context manager, in one event loop.

    Args:
        base_url: Up to and with ``/v1``.
        model: Name the server knows the model by.
        api_key: Sent as bearer token; in no repr, log line or error.
        temperature: Of sampling.
        max_tokens: Most tokens of one message.
        timeout: Seconds for a response; 10 for a connection.
        retries: What to do when the server is busy or away.
        text_tools: The server has no tool parser: the model's text is parsed here instead.
        logprobs: Ask for the log-probabilities of the sampled tokens.
        extra: Further fields of the request, such as ``top_p`` or vLLM's ``return_token_ids``.
        transport: httpx's, for tests and proxies.
    """

    def __init__(
        self,
        base_url: str,
        model: str,
        *,
        api_key: str = "",
        temperature: float = 1.0,
        max_tokens: int = 512,
        timeout: float = 120.0,
        retries: Retries = PATIENT,
        text_tools: bool = False,
        logprobs: bool = False,
        extra: Mapping[str, Any] | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.model = model
        self._api_key = api_key
        self._retries = retries
        self._text_tools = text_tools
        self._settings = {
            "model": model,
            "temperature": temperature,
            "max_tokens": max_tokens,
            **({"logprobs": True} if logprobs else {}),
            **(extra or {}),
        }
        self._http = httpx.AsyncClient(
            base_url=base_url,
            headers={"Authorization": f"Bearer {api_key}"} if api_key else {},
            timeout=httpx.Timeout(timeout, connect=10.0, pool=None),
            # The caller bounds concurrency; httpx's own limit of 100 would make it wait unseen.
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=None),
            transport=transport,
        )

    def __repr__(self) -> str:
        return f"ChatClient(model={self.model!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._http.aclose()

    async def __call__(
        self, messages: Sequence[Message], tools: Sequence[Tool] = (), *, seed: int
    ) -> Completion | None:
        """The model's next message, or None when the endpoint says its context is full.

        Raises:
            EngineError: the endpoint refused, or failed on every attempt.
            httpx.TransportError: it could not be reached on any attempt.
        """
        began = time.perf_counter()
        request = self._http.build_request(
            "POST", "chat/completions", json=self._payload(messages, tools, seed)
        )
        response = await self._retries.send(self._http, request)
        if response.status_code in (400, 413) and _CONTEXT_FULL.search(response.text):
            return None
        if response.is_error:
            raise EngineError(self._describe(response))
        try:
            return self._completion(response.json(), time.perf_counter() - began)
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise EngineError(
                f"no chat completion ({error!r}): {self._describe(response)}"
            ) from error

    def _payload(
        self, messages: Sequence[Message], tools: Sequence[Tool], seed: int
    ) -> dict[str, Any]:
        payload = {**self._settings, "messages": [sendable(m) for m in messages], "seed": seed}
        if tools:
            payload["tools"] = list(tools)
            # "none" makes a server render the tools into the prompt, and leave the answer alone.
            payload["tool_choice"] = "none" if self._text_tools else "auto"
        return payload

    def _completion(self, body: Mapping[str, Any], seconds: float) -> Completion:
        choice = body["choices"][0]
        usage = body.get("usage") or {}
        logprobs = (choice.get("logprobs") or {}).get("content") or ()
        return Completion(
            message=self._message(choice["message"]),
            finish_reason=choice.get("finish_reason") or "stop",
            prompt_tokens=usage.get("prompt_tokens", 0),
            completion_tokens=usage.get("completion_tokens", 0),
            cached_tokens=(usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0,
            model=body.get("model", self.model),
            seconds=seconds,
            token_ids=tuple(choice.get("token_ids") or ()),
            logprobs=tuple(token["logprob"] for token in logprobs),
        )

    def _message(self, received: Mapping[str, Any]) -> Message:
        content = received.get("content") or ""
        functions = [call["function"] for call in received.get("tool_calls") or ()]
        if self._text_tools and not functions:
            return parse(content)
        # Servers invent an id a call; ours are by position, so that equal answers are equal.
        return assistant(content, [_call(function) for function in functions])

    def _describe(self, response: httpx.Response) -> str:
        text = response.text
        if self._api_key:
            text = text.replace(self._api_key, "***")  # some vendors quote a key they refuse
        return f"{response.status_code} {response.reason_phrase}: {text[:500]}"


def sendable(message: Message) -> Message:
    """The message as servers accept it: known keys, and tool calls they can read back.

    Many servers refuse a whole history for one malformed tool call in it. What the model wrote
    then goes in quotes, under a name the format allows.
    """
    known = {key: message[key] for key in _MESSAGE_KEYS if message.get(key) is not None}
    if calls := known.get("tool_calls"):
        known["tool_calls"] = [
            {**call, "function": _sendable_function(call["function"])} for call in calls
        ]
    return known


def _call(function: Mapping[str, Any]) -> FunctionCall:
    arguments = function.get("arguments") or "{}"  # llama.cpp may send the object itself
    return FunctionCall(
        function["name"], arguments if isinstance(arguments, str) else dumps(arguments)
    )


def _sendable_function(function: Mapping[str, Any]) -> dict[str, str]:
    name = re.sub(r"[^a-zA-Z0-9_-]", "_", function["name"])[:64] or "unknown"
    arguments = function["arguments"]
    try:
        well_formed = isinstance(loads(arguments), dict)
    except ValueError:
        well_formed = False
    return {
        "name": name,
        "arguments": arguments if well_formed else dumps({"malformed": arguments}),
    }
