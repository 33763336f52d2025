"""Messages and tools as every engine, every trainer and every guard shows them to a chat template.

A model is trained on the text that it reads and writes in dialogues, whatever its template is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from dialogue.strict_json import loads
from services.engines.models.dress import in_a_line

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


_NUMBER = re.compile(r"call_(\d+)")


def shown(message: Mapping[str, Any]) -> dict[str, Any]:
    """The message as chat templates expect it: arguments as objects, and no key without a value.

    Arguments that are no JSON object stay text. A table fills missing keys with None, and a
    template may ask whether there is a key. Mistral's templates refuse ids of less than nine
    characters.
    """
    given = {name: value for name, value in message.items() if value is not None}
    if calls := given.get("tool_calls"):
        given["tool_calls"] = [_decoded(call) for call in calls]
    if identity := given.get("tool_call_id"):
        given["tool_call_id"] = _identity(identity)
    return given


def rendered(
    tokenizer: PreTrainedTokenizerBase,
    messages: Iterable[Mapping[str, Any]],
    tools: Sequence[Mapping[str, Any]] | None = None,
    *,
    tools_in_lines: bool = False,
    **options: Any,
) -> Any:
    """What the tokenizer's own ``apply_chat_template`` gives for what is shown.

    Templates such as Llama's take an empty list of tools for tools.

    Args:
        tokenizer: Tokenizer with the chat template.
        messages: The dialogue.
        tools: Its tools.
        tools_in_lines: Whether each is shown as a line (:mod:`services.engines.models.dress`).
        options: Further arguments of ``apply_chat_template``, and of the template.
    """
    template = type(tokenizer).apply_chat_template
    dressed = list(map(in_a_line, tools or ())) if tools_in_lines else tools
    return template(tokenizer, list(map(shown, messages)), tools=dressed or None, **options)


def show_alike(tokenizer: PreTrainedTokenizerBase, kwargs: Mapping[str, Any]) -> None:
    """Make `tokenizer` render whatever a library gives it by :func:`rendered`.

    Args:
        tokenizer: Tokenizer with the chat template.
        kwargs: Further arguments of the template, as ``EngineSettings.template_kwargs``.
    """
    tokenizer.apply_chat_template = partial(rendered, tokenizer, **kwargs)


def _decoded(call: Mapping[str, Any]) -> Mapping[str, Any]:
    call = {**call, "id": _identity(call["id"])} if call.get("id") else call
    function = call["function"]
    arguments = function["arguments"]
    decoded = _object(arguments) if isinstance(arguments, str) else None
    return call if decoded is None else {**call, "function": {**function, "arguments": decoded}}


def _identity(identity: str) -> str:
    found = _NUMBER.fullmatch(identity)
    return f"call{int(found[1]):05}" if found else identity


# A dialogue's calls are rendered at each of its turns; templates cannot change what they are given.
@lru_cache(4096)
def _object(text: str) -> Mapping[str, Any] | None:
    try:
        value = loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
