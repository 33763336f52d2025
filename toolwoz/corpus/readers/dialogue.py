"""A dialogue of MultiWOZ, reduced to what the world needs, the same for every release."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from toolwoz.corpus.readers.errors import corrupt
from toolwoz.corpus.readers.files import CorpusFile
from toolwoz.world.domains import DOMAINS, ENTITY_KEY, Split


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
        if not isinstance(goal, Mapping) or not turns:
            raise TypeError("it has no goal or no utterance")
        _check_goal(goal)
        booked = last_booked(states[-1]) if states else {}
    except (KeyError, TypeError, AttributeError) as error:
        what = error if isinstance(error, TypeError) else repr(error)
        raise corrupt(file.origin, name, what) from error
    return Dialogue(plain_id(name), split, goal, () if delexicalised else turns, booked)


def last_booked(state: Any) -> dict[str, Mapping[str, str]]:
    """Per domain, the last booking of a belief state.

    One that holds only a reference is of the entity that the state believes in, as published.

    Raises:
        TypeError: a part of the state has another shape; the message names it.
    """
    booked: dict[str, Mapping[str, str]] = {}
    for domain, key in ENTITY_KEY.items():
        part = _part(state, "metadata", domain)
        bookings = _part(part, f"metadata.{domain}", "book").get("booked")
        if isinstance(bookings, list) and bookings and isinstance(bookings[-1], Mapping):
            believed = _part(part, f"metadata.{domain}", "semi").get(key)
            booked[domain] = {**({key: believed} if believed else {}), **bookings[-1]}
            if not isinstance(booked[domain].get(key, ""), str):
                raise TypeError(f"metadata.{domain}.book.booked has a {key} that is no text")
    return booked


def _check_goal(goal: Mapping[str, Any]) -> None:
    """Refuse a goal whose parts have another shape; what is null or empty is as if left out."""
    if not _is_texts(goal.get("message")) and not isinstance(goal["message"], str):
        raise TypeError("goal.message is not a list of sentences")
    for domain in DOMAINS:
        wishes = _part(goal, "goal", domain)
        for name in ("info", "fail_info", "book", "fail_book"):
            _part(wishes, f"goal.{domain}", name)
        if not _is_texts(wishes.get("reqt")):
            raise TypeError(f"goal.{domain}.reqt is not a list of slots")


def _part(of: Any, place: str, name: str) -> Mapping[str, Any]:
    if not isinstance(of, Mapping):
        raise TypeError(f"{place} is not an object")
    part = of.get(name) or {}
    if not isinstance(part, Mapping):
        raise TypeError(f"{place}.{name} is not an object")
    return part


def _is_texts(value: object) -> bool:
    return not value or (isinstance(value, list) and all(isinstance(one, str) for one in value))
