"""Dialogues for SFT: each a text to train on, or each of their answers, as the template asks for.

The tokens of a whole dialogue are those that the engine read and wrote only if its chat template
appends and nothing else; Qwen3's drops thought, Mistral's moves the tools. And only a template
with marks tells what the assistant said. Where either fails, each answer is trained after the
prompt that the engine read before it, as KTO and DPO do.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tasks.train.guards.rendering import Renderer
from tasks.train.recipe import NOTHING, Options, Recipe, TrainError

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import PreTrainedTokenizerBase

log = logging.getLogger(__name__)

PROBES = 50
"""Number of dialogues of which the one with the most messages is rendered."""
KEPT = ("scenario", "node", "label")
"""What the answer of a dialogue has of it."""


def as_trained(
    recipe: Recipe,
    rows: Dataset,
    tokenizer: PreTrainedTokenizerBase,
    template_kwargs: Options = NOTHING,
) -> tuple[Recipe, Dataset]:
    """The recipe and the rows of an SFT with ``assistant_only_loss``, as the template allows them.

    Everything else, and dialogues that can be trained whole, stay as they are. Rows of one answer
    need no mask.
    """
    if recipe.method != "sft" or not recipe.trl.get("assistant_only_loss"):
        return recipe, rows
    if "messages" in rows.column_names:
        some = rows.select(range(min(PROBES, len(rows))))
        longest = max(some, key=lambda row: len(row["messages"]))
        reason = why_apart(longest, tokenizer, template_kwargs)
        if not reason:
            return recipe, rows
        dialogues, rows = len(rows), _apart(rows)
        log.info(
            "SFT trains %d answers of %d dialogues one by one: the chat template %s",
            len(rows),
            dialogues,
            reason,
        )
    elif _is_marked(tokenizer):
        return recipe, rows
    return replace(recipe, trl={**recipe.trl, "assistant_only_loss": False}), rows


def why_apart(
    row: Mapping[str, Any],
    tokenizer: PreTrainedTokenizerBase,
    template_kwargs: Options = NOTHING,
) -> str:
    """What keeps a dialogue from being trained whole; "" if nothing does."""
    try:
        renderer = Renderer(tokenizer, masked=True, kwargs=template_kwargs)
    except TrainError:
        return "does not mark what the assistant says"
    [text] = renderer.texts(row, "")
    if any(list(text.ids[: len(asked)]) != asked for _, asked in renderer.turns(text)):
        return "shows an answer otherwise once the dialogue has gone on"
    marked = [text.ids[start:end] for start, end in text.spans]
    one_by_one = Renderer(tokenizer, masked=False, kwargs=template_kwargs)
    alone = [
        one.ids[start:end]
        for answer in _answers(row)
        for one in one_by_one.texts(answer, "")
        for start, end in one.spans
    ]
    # white space around an answer teaches nothing
    same = [tokenizer.decode(ids).strip() for ids in marked] == [
        tokenizer.decode(ids).strip() for ids in alone
    ]
    return "" if same else "marks something other than what the model writes"


def _apart(rows: Dataset) -> Dataset:
    from datasets import Dataset

    return Dataset.from_list([answer for row in rows for answer in _answers(row)])


def _answers(row: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    messages, sampled = row["messages"], row.get("sampled") or []
    kept = {name: row[name] for name in KEPT if name in row}
    answers = [i for i, message in enumerate(messages) if message["role"] == "assistant"]
    for number, position in enumerate(answers):
        yield {
            **kept,
            "prompt": messages[:position],
            "completion": [messages[position]],
            "tools": row["tools"],
            "sampled": sampled[number : number + 1],
        }


def _is_marked(tokenizer: PreTrainedTokenizerBase) -> bool:
    from trl.chat_template_utils import has_generation_markers

    return bool(has_generation_markers(tokenizer.chat_template))
