"""Tokens of a prompt's text, of which only the pieces that no earlier prompt had are tokenized.

A tokenizer first takes its added tokens (``<|im_end|>``) out of a text; what stands between two of
them becomes tokens by itself. So a text may be cut before an added token. Each piece begins with
one, since some tokenizers treat the beginning of a text in their own way.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase
    from transformers.tokenization_utils_tokenizers import TokenizersBackend

KEPT = 250_000
"""Tokens after which a generation of pieces is full; two are kept, of 40 bytes a token."""


def tokens_of(tokenizer: PreTrainedTokenizerBase) -> Tokens | None:
    """None for a tokenizer that is not the library's way from template to ids (Mistral's own)."""
    from transformers.tokenization_utils_tokenizers import TokenizersBackend as Library

    if not isinstance(tokenizer, Library):
        return None
    kind = type(tokenizer)
    steps = ("apply_chat_template", "__call__", "_encode_plus")
    plain = all(getattr(kind, step) is getattr(Library, step) for step in steps)
    return Tokens(tokenizer) if plain else None


class Tokens:
    """The tokenizer's own ids of a whole text, without those that it adds at its ends."""

    def __init__(self, tokenizer: TokenizersBackend) -> None:
        self._tokenizer = tokenizer
        self._piece = Remembered(self._encode, KEPT)
        self._cut: re.Pattern[str] | None = None

    def __call__(self, text: str) -> list[int]:
        if self._cut is None:
            return self._first(text)
        ids: list[int] = []
        for piece in pieces(text, self._cut):
            ids += self._piece(piece)
        return ids

    def _first(self, text: str) -> list[int]:
        """Texts are cut at the added tokens of the first one: those of the template's turns."""
        # The library's call also leaves the backend without truncation and padding.
        whole: list[int] = self._tokenizer(text, add_special_tokens=False, verbose=False).input_ids
        cuts = "|".join(map(re.escape, safe_cuts(self._tokenizer, set(whole))))
        self._cut = re.compile(f"({cuts})" if cuts else "((?!))")  # which matches nothing
        return whole

    def _encode(self, piece: str) -> list[int]:
        encoded = self._tokenizer.backend_tokenizer.encode(piece, add_special_tokens=False)
        ids: list[int] = encoded.ids
        return ids


class Remembered:
    """Ids of pieces, the most recent ones from memory: at least `kept` tokens, at most about twice.

    Args:
        encode: Gives the ids of a piece.
        kept: Number of tokens after which a generation of pieces is full.
    """

    def __init__(self, encode: Callable[[str], list[int]], kept: int) -> None:
        self._encode = encode
        self._kept = kept
        self._size = 0
        self._young: dict[str, list[int]] = {}
        self._old: dict[str, list[int]] = {}

    def __call__(self, piece: str) -> list[int]:
        if (ids := self._young.get(piece)) is not None:
            return ids
        if (ids := self._old.get(piece)) is None:
            ids = self._encode(piece)
        if self._size + len(ids) > self._kept:
            self._young, self._old, self._size = {}, self._young, 0
        self._young[piece] = ids
        self._size += len(ids)
        return ids


def pieces(text: str, cut: re.Pattern[str]) -> Iterator[str]:
    """What stands before the first cut, if anything; then each cut with what follows it."""
    first, *rest = cut.split(text)
    if first:
        yield first
    yield from map(str.__add__, rest[::2], rest[1::2])


def safe_cuts(tokenizer: TokenizersBackend, ids: set[int]) -> Iterator[str]:
    """Those of the tokens before which every text may be cut.

    They are found in the text as it stands, whatever is around them, and can neither contain
    another added token, nor be part of one, nor overlap with one.
    """
    added = tokenizer.added_tokens_decoder
    if tokenizer.split_special_tokens or any(token.single_word for token in added.values()):
        return
    contents = [token.content for token in added.values() if not token.normalized]
    for id in ids & added.keys():
        token: Any = added[id]
        content = token.content
        if token.normalized or token.lstrip or token.rstrip or content != content.strip():
            continue
        if not any(overlap(content, other) for other in contents):
            yield content


def overlap(one: str, other: str) -> bool:
    """Whether two added tokens can share characters of a text."""
    if one != other and (one in other or other in one):
        return True
    lengths = range(1, min(len(one), len(other)))
    return any(one[-n:] == other[:n] or other[-n:] == one[:n] for n in lengths)
