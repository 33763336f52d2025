"""What works with the chat template of a family: one row of the table of docs/models.md.

``python -m tests.helpers.conformance`` writes the table anew; it needs vLLM and the extra
frontier, and takes minutes.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from functools import cached_property
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from datasets import Dataset
from transformers import LlamaConfig, LlamaForCausalLM

from dialogue.errors import EngineError
from dialogue.strict_json import loads
from dialogue.tool_text import FunctionCall, assistant, calls_of
from services.engines.config import EngineConfig
from services.engines.formats import open_format
from services.engines.models.choice import tool_parser
from services.engines.models.probe import CALL, TOOL, probe
from tasks.bootstrap.template import OURS, names_tools
from tasks.train.guards.guards import check
from tasks.train.guards.rendering import Renderer, Text
from tasks.train.guards.subject import Subject, render
from tasks.train.job import fit
from tasks.train.recipe import Recipe, TrainError
from tasks.train.trainers import arguments
from tasks.train.turns import as_trained
from tests.helpers.families import FAMILIES, Family
from tests.helpers.families_page import HEAD, write
from tests.helpers.tiny import TRL
from tests.helpers.tokenizers import harmony_tokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

SLOW = ("a call", "two calls", "text and call")
"""Columns for which vLLM's parsers are needed, unless the parser is ours."""
STEPS = HEAD[-1]
"""The column for which models are trained."""

NEEDS_SYSTEM = "with a system message"
SYSTEM = {"role": "system", "content": "help"}
USER = {"role": "user", "content": "a hotel in the north"}
LATER = {"role": "user", "content": "and one in the south?"}
FOUND = {"role": "tool", "tool_call_id": "call_0", "name": CALL.name, "content": '{"count": 1}'}
SOUTH = FunctionCall(CALL.name, '{"area": "south"}')
ONE, TWO = assistant("", [CALL]), assistant("", [CALL, SOUTH])
BOTH, SPEAKS = assistant("one moment", [CALL]), assistant("there is one")
HISTORY = [USER, ONE, FOUND, SPEAKS, LATER]
DIALOGUE = [*HISTORY, assistant("", [SOUTH]), FOUND, SPEAKS]
LORA = {"r": 2, "lora_alpha": 2}
MASKED = {**TRL, "assistant_only_loss": True}


class Subjected:
    """A family under test: each property is a cell, "yes" or what is otherwise.

    Args:
        family: The family.
        tokenizer: Its tokenizer; None for one of bytes.
    """

    def __init__(self, family: Family, tokenizer: PreTrainedTokenizerBase | None = None) -> None:
        self.family = family
        self.tokenizer = tokenizer or family.tokenizer()
        self.renderer = Renderer(self.tokenizer, masked=False, kwargs=family.kwargs)
        stops = [self.tokenizer.eos_token, *family.stops]
        self.ends = frozenset(self.tokenizer.convert_tokens_to_ids(stops))
        self.before = [SYSTEM] if self.tools == NEEDS_SYSTEM else []

    @property
    def parser(self) -> str:
        """The name of the parser of calls."""
        if self.family.tool_parser != "auto":
            return self.family.tool_parser
        written = probe(self.tokenizer, self.family.kwargs).written
        return tool_parser(written, self.family.text) or "-"

    @cached_property
    def tools(self) -> str:
        if names_tools(self.tokenizer):
            return "yes"
        return NEEDS_SYSTEM if names_tools(self.tokenizer, SYSTEM) else "no"

    def read(self, answer: Mapping[str, Any]) -> str:
        """Whether the answer, as the template writes it, is read back and written the same."""
        try:
            text = self._completion(answer)
        except TrainError:
            return "refused"
        said = self._said(text)[:-1]
        message = self.format.read(self.tokenizer.decode(said), said, [TOOL])
        if not message["content"] and answer["content"]:
            return "without the text"
        if message["content"] != answer["content"]:
            return "no"
        again = self._completion(message)
        if again.ids != text.ids:
            return "written otherwise"
        if calls_of(message) == calls_of(answer):
            return "yes"
        return "numbers as text" if _as_text(message) == _as_text(answer) else "no"

    @cached_property
    def format(self) -> Any:
        settings = {"tool_parser": self.parser, "chat_template_kwargs": self.family.kwargs}
        return open_format(EngineConfig("transformers", **settings), self.tokenizer)

    @property
    def calls(self) -> tuple[str, str, str]:
        """Cells of a call, of two, and of text and call."""
        if self.parser == "-":
            return ("no", "no", "no")
        if self.parser == "openai" and len(self.tokenizer) < 200_000:  # it reads its own ids
            return Subjected(self.family, harmony_tokenizer(self.family.text)).calls
        try:
            self.format  # noqa: B018 - opened, or refused
        except EngineError:
            written = probe(self.tokenizer, self.family.kwargs).written
            return (f"refused: `{written}`", "-", "-")
        return (self.read(ONE), self.read(TWO), self.read(BOTH))

    @property
    def sampled(self) -> str:
        """Whether KTO's and DPO's texts are what the engine reads, an answer and its end."""
        if self.tools == "no":
            return "-"
        found = _said(lambda: self._check(self.pairs("kto")))
        if found != "yes" or self.before:
            return found
        self.before = [SYSTEM]
        with_system = _said(lambda: self._check(self.pairs("kto")))
        self.before = []
        return found if with_system == "yes" else "yes, without a system message"

    @property
    def dialogues(self) -> str:
        """How SFT trains dialogues, if it does."""
        if self.tools == "no":
            return "-"
        recipe, rows = Recipe("sft", "sft", MASKED), self.pairs("sft")
        recipe, rows = as_trained(recipe, rows, self.tokenizer, self.family.kwargs)
        found = _said(lambda: self._check(rows, recipe.trl))
        if found != "yes":
            return found
        return "whole" if "messages" in rows.column_names else "answer by answer"

    def steps(self) -> str:
        """Whether each method takes a step on a small model, with and without LoRA."""
        if not self.sampled.startswith("yes"):
            return "-"
        with TemporaryDirectory() as folder:
            base = Path(folder, "base")
            self.model().save_pretrained(base)
            self.family.tokenizer().save_pretrained(base)
            for number, (method, lora) in enumerate(product(("sft", "kto", "dpo"), ({}, LORA))):
                trl = MASKED if method == "sft" else TRL
                trained = fit(
                    Recipe(method, method, {**trl, "max_steps": 1}, lora),
                    self.pairs(method),
                    str(base),
                    self.family.tokenizer(),
                    Path(folder, f"out{number}"),
                    work=Path(folder, f"work{number}"),
                    seed=0,
                    template_kwargs=self.family.kwargs,
                )
                assert trained.steps == 1
        return "yes"

    def pairs(self, method: str) -> Dataset:
        """Rows of a method: two answers after one history, or a dialogue."""
        tools = json.dumps([TOOL])
        if method == "sft":
            return Dataset.from_list([{"messages": [*self.before, *DIALOGUE], "tools": tools}])
        prompt = [*self.before, *HISTORY]
        if method == "dpo":
            row = {"prompt": prompt, "chosen": [ONE], "rejected": [SPEAKS], "tools": tools}
            return Dataset.from_list([row])
        both = [(ONE, True), (SPEAKS, False)]
        return Dataset.from_list(
            [
                {"prompt": prompt, "completion": [one], "label": label, "tools": tools}
                for one, label in both
            ]
        )

    def model(self) -> LlamaForCausalLM:
        """A model of one narrow layer."""
        config = LlamaConfig(
            vocab_size=len(self.tokenizer),
            hidden_size=16,
            intermediate_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            num_key_value_heads=1,
            max_position_embeddings=8192,
            eos_token_id=sorted(self.ends),
            bos_token_id=self.tokenizer.bos_token_id,
        )
        return LlamaForCausalLM(config)

    def texts(self, rows: Dataset, trl: Mapping[str, Any]) -> Subject:
        """The texts of rows, as the guards see them."""
        method = "kto" if "label" in rows.column_names else "sft"
        args = arguments(Recipe(method, method, trl), Path("work"), 0, watched=False)
        masked = getattr(args, "assistant_only_loss", False)
        renderer = Renderer(self.tokenizer, masked=masked, kwargs=self.family.kwargs)
        return Subject(render(rows, renderer), renderer, args, self.ends, 8192, 0.0)

    def _check(self, rows: Dataset, trl: Mapping[str, Any] = TRL) -> None:
        subject = self.texts(rows, trl)
        check(subject)
        for text in subject.texts:
            for (start, end), wanted in zip(text.spans, self._answers(text), strict=True):
                found = self.tokenizer.decode(text.ids[start:end])
                if found.strip() != wanted.strip():
                    raise TrainError(f"row: {found!r} is trained, not {wanted!r}")

    def _answers(self, text: Text) -> Iterator[str]:
        """What the engine would have to write for each answer, and the end of it."""
        for position, message in enumerate(text.messages):
            if message in text.answers and (text.prompt is None or message is text.messages[-1]):
                one = self._completion(message, text.messages[:position])
                yield self.tokenizer.decode(self._said(one))

    def _said(self, text: Text) -> list[int]:
        """What the engine would have to write for an answer, and its end."""
        said = list(text.ids[len(text.prompt or ()) :])
        return said[: next(i for i, token in enumerate(said) if token in self.ends) + 1]

    def _completion(self, answer: Any, history: Any = None) -> Text:
        history = [*self.before, USER] if history is None else history
        row = {"prompt": history, "completion": [answer], "tools": json.dumps([TOOL])}
        [text] = self.renderer.texts(row, "row")
        return text


def row(name: str, *, calls: bool = True) -> dict[str, str]:
    """One row without its last column: column -> cell; `calls` asks vLLM's parsers, too."""
    family = FAMILIES[name]
    subject = Subjected(family)
    cells = {
        "family": name,
        "template": f"{family.source}: {family.template}",
        "parser": subject.parser,
        "tools in the prompt": subject.tools,
        "sampled = trained": subject.sampled,
        "SFT of dialogues": subject.dialogues,
    }
    if calls or subject.parser in (*OURS, "-"):
        cells |= zip(SLOW, subject.calls, strict=True)
    return cells


def whole_row(name: str) -> dict[str, str]:
    """All cells of a row; trains six small models."""
    return {**row(name), STEPS: Subjected(FAMILIES[name]).steps()}


def main() -> None:
    """Write the table of the page anew."""
    logging.disable(logging.ERROR)
    write(map(whole_row, FAMILIES))


def _said(checked: Any) -> str:
    try:
        checked()
    except Exception as error:
        return _short(error)
    return "yes"


def _short(error: Exception) -> str:
    """The first clause of a message, without the row's name."""
    text = str(error).split(": ", 1)[-1] if isinstance(error, TrainError) else str(error)
    return "no: " + text.replace("|", r"\|").split(";")[0].split(": ")[0][:110]


def _as_text(message: Mapping[str, Any]) -> list[Any]:
    return [
        (call.name, {key: str(value) for key, value in loads(call.arguments).items()})
        for call in calls_of(message)
    ]


if __name__ == "__main__":
    main()
