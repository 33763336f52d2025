"""Messages as OpenAI-compatible servers take them, and what they answer, read."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

from dialogue.messages import checked, part_thought
from dialogue.protocols import Completion, Message, Tool
from dialogue.strict_json import dumps, loads, utf8
from dialogue.tool_text import FunctionCall, assistant


class Reader(Protocol):
    """Makes a message of a model's text, its token ids (may be none) and the request's tools."""

    def __call__(self, text: str, token_ids: Sequence[int], tools: Sequence[Tool]) -> Message: ...


_FINISHED = {
    **dict.fromkeys(("stop", "eos", "eos_token", "stop_sequence", "end_turn"), "stop"),
    **dict.fromkeys(("tool_calls", "function_call", "tool_use"), "tool_calls"),
    # The last is vLLM's, of an answer that it cuts since it repeats itself.
    **dict.fromkeys(("length", "max_tokens", "model_length", "repetition"), "length"),
}
"""Reasons that end an answer -> the word for it here. After any other, as error, abort or
content_filter, what there is of an answer is not what the model had to say."""
_THOUGHT = ("thinking", "reasoning", "reasoning_content")
"""Types of the parts of a content that the model does not say."""
_MESSAGE_KEYS = ("role", "content", "name", "tool_calls", "tool_call_id")


def sendable(messages: Sequence[Message]) -> list[Message]:
    """A history as servers accept it: known keys, and tool calls they can read back.

    Many servers refuse a whole history for one malformed tool call in it. What the model wrote
    then goes in quotes, under a name the format allows. Some want ids that occur once in a
    history, Mistral's ones of nine letters and digits: the calls are numbered.
    """
    sent: list[Message] = []
    number = itertools.count()
    pending: list[tuple[object, str]] = []  # old and new ids of calls without a result
    for message in messages:
        known = {key: message[key] for key in _MESSAGE_KEYS if message.get(key) is not None}
        if calls := known.get("tool_calls"):
            pending = [(call.get("id"), f"call{next(number):05}") for call in calls]
            known["tool_calls"] = [
                {**call, "id": new, "function": _sendable_function(call["function"])}
                for call, (_, new) in zip(calls, pending, strict=True)
            ]
        elif answers := [pair for pair in pending if pair[0] == known.get("tool_call_id")]:
            pending.remove(answers[0])
            known["tool_call_id"] = answers[0][1]
        sent.append(known)
    return sent


def completion(
    body: Mapping[str, Any], tools: Sequence[Tool] = (), text_tools: Reader | None = None
) -> Completion:
    """The message in the body of an answer, and its bookkeeping.

    Args:
        body: What the server answered.
        tools: Tools of the request.
        text_tools: Reads the message from the text; None: the server has done so.

    Raises:
        LookupError, TypeError, AttributeError, ValueError: it is no chat completion, one that an
            error ended, or one that could not be kept: see :func:`dialogue.messages.checked`.
    """
    if error := error_in(body):
        raise ValueError(f"error in the answer: {error}")
    choice = body["choices"][0]
    usage = body.get("usage") or {}
    logprobs = (choice.get("logprobs") or {}).get("content") or ()
    token_ids = tuple(choice.get("token_ids") or ())
    reader = partial(text_tools, token_ids=token_ids, tools=tools) if text_tools else None
    answer = Completion(
        message=_message(choice["message"], reader),
        finish_reason=_finish_reason(choice.get("finish_reason") or "stop"),
        prompt_tokens=usage.get("prompt_tokens") or 0,
        completion_tokens=usage.get("completion_tokens") or 0,
        cached_tokens=(usage.get("prompt_tokens_details") or {}).get("cached_tokens"),
        model=body.get("model") or "",
        token_ids=token_ids,
        logprobs=tuple(token["logprob"] for token in logprobs),
    )
    return checked(answer)


def error_in(body: Any) -> object:
    """The error in a body that holds no answer, or half of one; None if there is no error."""
    if not isinstance(body, Mapping):
        return None
    choices = body.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    return body.get("error") or (choice.get("error") if isinstance(choice, Mapping) else None)


def _finish_reason(said: str) -> str:
    if (reason := _FINISHED.get(said.lower())) is None:
        raise ValueError(f"the answer was ended by {said!r:.100}")
    return reason


def _message(received: Mapping[str, Any], reader: Callable[[str], Message] | None) -> Message:
    content = _spoken_parts(received.get("content"))
    functions = [call["function"] for call in received.get("tool_calls") or ()]
    if reader and not functions:
        return reader(content)
    # Servers invent an id a call; ours are by position, so that equal answers are equal.
    thought, aloud = part_thought(content)
    message = assistant(aloud, [_call(function) for function in functions])
    # vLLM's newer name is the second.
    apart = received.get("reasoning_content") or received.get("reasoning") or thought
    if apart and isinstance(apart, str):
        message["reasoning_content"] = utf8(apart)
    return message


def _spoken_parts(content: object) -> str:
    """The text of a content, which may come in parts; those that are thought are left out."""
    if not isinstance(content, list):
        content = [content]
    return "".join(filter(None, map(_part, content)))


def _part(part: Any) -> str:
    if isinstance(part, Mapping):
        if part["type"] in _THOUGHT:
            return ""
        part = part["text"]
    text = part or ""
    text.encode()  # a lone surrogate is refused here: a parser would write it otherwise
    return str(text)


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
