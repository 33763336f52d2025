"""A policy on an engine in this process: messages become tokens, and tokens a message."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from dialogue.errors import Fault
from dialogue.protocols import Completion, Message, Tool
from services.engines.config import EngineConfig
from services.engines.formats import open_format
from services.engines.local.tokens import tokens_of
from services.engines.loop import EngineLoop, Sample
from services.engines.models.prompt import rendered

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class LocalPolicy:
    """Renders the chat template, samples, and reads calls and thought from the text.

    Raises:
        EngineError: see :func:`services.engines.formats.open_format`.
    """

    def __init__(
        self,
        loop: EngineLoop,
        tokenizer: PreTrainedTokenizerBase,
        config: EngineConfig,
        adapter: str = "",
    ) -> None:
        self._loop = loop
        self._adapter = adapter
        self._tokenizer = tokenizer
        self._tokens = tokens_of(tokenizer)
        self._format = open_format(config, tokenizer)
        self._template_kwargs = config.template_kwargs
        self._model = config.model
        self._longest_prompt = config.max_model_len - config.max_tokens

    async def __call__(
        self, messages: Sequence[Message], tools: Sequence[Tool], *, seed: int
    ) -> Completion | None:
        """The next message, or None when no full-length answer fits after the prompt.

        Raises:
            EngineError: the engine is closed, or died.
            Fault: it ended the answer half-way.
        """
        began = time.perf_counter()
        prompt = self._render(messages, tools)
        if len(prompt) > self._longest_prompt:
            return None
        sample = await self._loop.sample(prompt, seed, self._adapter, self._format.tag(tools))
        if sample.finish_reason not in ("stop", "length"):
            raise Fault(f"the engine ended an answer by {sample.finish_reason!r}")
        message = self._format.read(self._text(sample), sample.token_ids, tools)
        called = sample.finish_reason == "stop" and "tool_calls" in message
        return Completion(
            message=message,
            finish_reason="tool_calls" if called else sample.finish_reason,
            prompt_tokens=len(prompt),
            completion_tokens=len(sample.token_ids),
            cached_tokens=sample.cached_tokens,
            model=self._model,
            seconds=time.perf_counter() - began,
            token_ids=sample.token_ids,
            logprobs=sample.logprobs,
        )

    def _render(self, messages: Sequence[Message], tools: Sequence[Tool]) -> list[int]:
        # All of the template is rendered: a message's text may depend on later messages.
        shown = rendered(
            self._tokenizer,
            messages,
            tools,
            add_generation_prompt=True,
            return_dict=False,
            tokenize=self._tokens is None,
            # The policy returns None for a prompt that is too long; a warning would only repeat it.
            tokenizer_kwargs={"verbose": False},
            **self._template_kwargs,
        )
        ids: list[int] = self._tokens(shown) if self._tokens else shown
        return ids

    def _text(self, sample: Sample) -> str:
        # No stop strings are ever set, so "stop" means that the last token ended the message. The
        # other special tokens stay: <tool_call> may be one.
        ended = sample.finish_reason == "stop"
        ids = sample.token_ids[:-1] if ended else sample.token_ids
        text: str = self._tokenizer.decode(ids, skip_special_tokens=False)
        return text
