"""A dialogue of MultiWOZ, reduced to what the world needs, the same for every release."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from toolwoz.corpus.readers.errors import CorpusError
from toolwoz.corpus.readers.files import CorpusFile
from toolwoz.world.domains import DOMAINS, Split


@dataclass(frozen=True, slots=True)
class Dialogue:
    """One dialogue.

    Attributes:
        id: Dialogue id without ``.json``.
        split: The split by the release's id lists; ``train`` where they do not name the dialogue.
        goal: The goal in MultiWOZ's layout, per domain ``info``, ``fail_info``, ``book``,
            ``fail_book``, ``reqt``; and ``message``.
        turns: The utterances, user first; empty where the release delexicalised them.
        booked: The last entry of ``booked`` in the last system turn's belief state, per domain:
            ``{"name": ..., "reference": ...}`` or ``{"trainID": ..., "reference": ...}``.
    """

    id: str
    split: Split
    goal: Mapping[str, Any]
    turns: tuple[str, ...]
    booked: Mapping[str, Mapping[str, str]]


def plain_id(name: str) -> str:
    """A dialogue id without the ``.json`` some releases append."""
    return name.strip().removesuffix(".json")


def from_record(
    name: str, record: Any, file: CorpusFile, *, split: Split, delexicalised: bool
) -> Dialogue:
    """A dialogue of the original layout: ``{"goal": ..., "log": [...]}``.

    Raises:
        CorpusError: the record has another shape; the message names file and dialogue.
    """
    try:
        goal, log = record["goal"], record["log"]
        turns = tuple(" ".join(turn["text"].split()) for turn in log)
        states = [turn["metadata"] for turn in log if turn["metadata"]]
    except (KeyError, TypeError, AttributeError) as error:
        raise CorpusError(f"{file.origin}: dialogue {name} is corrupt: {error!r}") from error
    if not isinstance(goal, Mapping) or not turns:
        raise CorpusError(
            f"{file.origin}: dialogue {name} is corrupt: it has no goal or no utterance"
        )
    booked = last_booked(states[-1]) if states else {}
    return Dialogue(plain_id(name), split, goal, () if delexicalised else turns, booked)


def last_booked(state: Mapping[str, Any]) -> dict[str, Mapping[str, str]]:
    """Per domain, the last booking of a belief state."""
    booked = {}
    for domain in DOMAINS:
        bookings = state.get(domain, {}).get("book", {}).get("booked", ())
        if isinstance(bookings, Sequence) and bookings and isinstance(bookings[-1], Mapping):
            booked[domain] = bookings[-1]
    return booked
