"""Rows rendered to tokens as a trainer will see them, for the guards."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from jinja2 import TemplateError

from services.engines.models.prompt import rendered
from tasks.train.recipe import NOTHING, Options, TrainError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Row = Mapping[str, Any]
Span = tuple[int, int]
"""Positions of the first token and of the one after the last."""


@dataclass(frozen=True, slots=True)
class Text:
    """One text that a trainer learns from.

    Attributes:
        name: Name of the row, for messages.
        ids: All tokens.
        prompt: Tokens that the engine reads before the one answer; None for a dialogue.
        spans: Trained parts: the answer, all answers of a dialogue, or (with a loss on everything)
            the whole text.
        messages: All messages.
        tools: The agent's tools as JSON text.
        label: Whether the answer is good, for KTO; else None.
        sampled: Sampled tokens of each answer, if known.
    """

    name: str
    ids: Sequence[int]
    prompt: Sequence[int] | None
    spans: Sequence[Span]
    messages: Sequence[Mapping[str, Any]]
    tools: str
    label: bool | None
    sampled: Sequence[Sequence[int]]

    @property
    def answers(self) -> list[Mapping[str, Any]]:
        """The assistant messages that are trained."""
        if self.prompt is not None:
            return [self.messages[-1]]
        return [message for message in self.messages if message["role"] == "assistant"]


class Renderer:
    """The chat template, applied as TRL applies it, and as the engine does.

    Args:
        tokenizer: Tokenizer with the template.
        masked: Whether the loss is on the assistant's tokens only (``assistant_only_loss``).
        kwargs: Further arguments of the template, as ``EngineSettings.template_kwargs``.
    """

    def __init__(
        self, tokenizer: PreTrainedTokenizerBase, *, masked: bool, kwargs: Options = NOTHING
    ) -> None:
        self.tokenizer = tokenizer
        self.masked = masked
        self._kwargs = kwargs
        self._template = _training_template(tokenizer) if masked else None

    def texts(self, row: Row, name: str) -> Iterator[Text]:
        """The texts of a row: one, or the chosen and the rejected one of a pair."""
        tools, sampled = row["tools"], row.get("sampled") or []
        if "messages" in row:
            yield self._dialogue(row["messages"], tools, name, sampled)
            return
        prompt = self.asked(row["prompt"], tools)
        for index, column in enumerate(_answer_columns(row)):
            messages = [*row["prompt"], *row[column]]
            ids = self._apply(messages, tools, chat_template=self._template)["input_ids"]
            yield Text(
                name if column == "completion" else f"{name}, {column}",
                ids,
                prompt,
                [(_common(prompt, ids), len(ids))],
                messages,
                tools,
                row.get("label"),
                sampled[index : index + 1],
            )

    def turns(self, text: Text) -> Iterator[tuple[int, Sequence[int]]]:
        """Positions of a dialogue's answers, each with the tokens that the engine reads before."""
        for position, message in enumerate(text.messages):
            if message["role"] == "assistant":
                yield position, self.asked(text.messages[:position], text.tools)

    def asked(self, messages: Any, tools: str) -> list[int]:
        """The tokens that the engine reads before it answers: by the model's own template."""
        return list(self._apply(messages, tools, add_generation_prompt=True)["input_ids"])

    def _apply(self, messages: Any, tools: str, **options: Any) -> Mapping[str, list[int]]:
        options |= {"return_dict": True, **self._kwargs}
        try:
            encoded: Mapping[str, list[int]] = rendered(
                self.tokenizer, messages, json.loads(tools), **options
            )
        except TemplateError as error:
            raise TrainError(f"the chat template refuses a dialogue: {error}") from error
        return encoded

    def _dialogue(self, messages: Any, tools: str, name: str, sampled: Any) -> Text:
        encoded = self._apply(
            messages,
            tools,
            chat_template=self._template,
            return_assistant_tokens_mask=self.masked,
        )
        ids = encoded["input_ids"]
        spans = _runs(encoded["assistant_masks"]) if self.masked else [(0, len(ids))]
        return Text(name, ids, None, spans, messages, tools, None, sampled)


def _training_template(tokenizer: PreTrainedTokenizerBase) -> str | None:
    """TRL's replacement for a template without marks for the mask; None if it has them."""
    from trl.chat_template_utils import get_training_chat_template, has_generation_markers

    if has_generation_markers(tokenizer.chat_template):
        return None
    try:
        template: str | None = get_training_chat_template(tokenizer)
    except (ValueError, TypeError, TemplateError) as error:  # it tries some messages of its own
        raise TrainError(
            "the chat template does not mark what the assistant says, so trl.assistant_only_loss "
            "cannot tell it apart: put {% generation %} and {% endgeneration %} around it in the "
            "base policy's chat_template.jinja, as tasks/bootstrap/templates do, or set "
            "trl.assistant_only_loss: false"
        ) from error
    return template


def _answer_columns(row: Row) -> tuple[str, ...]:
    return ("chosen", "rejected") if "chosen" in row else ("completion",)


def _common(prompt: Sequence[int], ids: Sequence[int]) -> int:
    """Number of equal tokens at the beginning of the two."""
    differ = (i for i, (a, b) in enumerate(zip(prompt, ids, strict=False)) if a != b)
    return next(differ, min(len(prompt), len(ids)))


def _runs(mask: Sequence[int]) -> list[Span]:
    """The spans in which a mask is 1."""
    runs, position = [], 0
    for value, group in groupby(mask):
        end = position + len(list(group))
        if value:
            runs.append((position, end))
        position = end
    return runs
