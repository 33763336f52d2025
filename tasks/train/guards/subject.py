"""The subject of the guards: every text to train on, and how its tokens are read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tasks.train.guards.rendering import Renderer, Row, Text

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True, slots=True)
class Subject:
    """All texts to train on, with the settings that they must fit.

    Attributes:
        texts: Texts to train on.
        renderer: Renderer that made the texts.
        args: TRL's ``SFTConfig``, ``KTOConfig`` or ``DPOConfig``.
        ends: Tokens at which an engine ends an answer.
        context: Maximum number of tokens that the model can read.
        max_rewritten: Tolerated share of answers that fail the guard ``rewritten``.
    """

    texts: Sequence[Text]
    renderer: Renderer
    args: Any
    ends: frozenset[int]
    context: int
    max_rewritten: float

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        return self.renderer.tokenizer

    def last(self, ids: Sequence[int]) -> int | None:
        """The last token that is not white space."""
        return next((i for i in reversed(ids) if self.tokenizer.decode([i]).strip()), None)

    def body(self, ids: Sequence[int]) -> Sequence[int]:
        """The tokens without the end token and the white space after it."""
        end = len(ids)
        while end and not self.tokenizer.decode([ids[end - 1]]).strip():
            end -= 1
        return ids[: end - 1] if end and ids[end - 1] in self.ends else ids[:end]


def render(rows: Iterable[Row], renderer: Renderer) -> list[Text]:
    """The texts of all rows, each named after its row."""
    return [
        text for number, row in enumerate(rows) for text in renderer.texts(row, _name(number, row))
    ]


def _name(number: int, row: Row) -> str:
    scenario = row.get("scenario")
    return f"row {number + 1}" + (
        f" (scenario {scenario}, node {row.get('node')})" if scenario else ""
    )
