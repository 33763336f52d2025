"""A rule-based agent that plays as a good assistant would, from nothing but the visible dialogue.

It demonstrates for models that start from nothing, so it is a simple function of what they see:
it searches whenever the user adds a constraint, with all constraints said so far; it books once
the user has given every slot; every value it says or passes on was said by the user or a tool.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from toolwoz.completion import Completion, Message, Tool
from toolwoz.policies import phrases
from toolwoz.policies.understanding import (
    BOOK_SLOTS,
    SEARCH_SLOTS,
    Reader,
    Understanding,
    utterances,
)
from toolwoz.scenario import ENTITY_KEY
from toolwoz.world import World

Row = Mapping[str, str]


class Expert:
    """The scripted agent; a :class:`toolwoz.completion.Policy` for any scenario of the world.

    It understands the wording of :class:`toolwoz.users.agenda.AgendaUser`, not people's.
    """

    def __init__(self, world: World) -> None:
        self._reader = Reader(world.database)

    async def __call__(
        self, messages: Sequence[Message], tools: Sequence[Tool], *, seed: int
    ) -> Completion:
        """Never None: it has no context to fill. ``seed`` chooses the wording."""
        del tools  # It knows them.
        rng = Random(seed)
        wishes = self._reader.read(utterances(messages))
        if messages[-1]["role"] == "tool":
            message = _report(messages[-1], wishes, rng)
        else:
            message = _respond(messages, wishes, rng)
        return Completion(message, "tool_calls" if "tool_calls" in message else "stop")


def _respond(messages: Sequence[Message], wishes: Understanding, rng: Random) -> Message:
    """To a user's utterance: a tool call where one is due, else speech."""
    if wishes.says_goodbye:
        return _speech(phrases.farewell(rng))
    if wishes.asks_reference:
        return _speech(_last_reference(messages))
    row = _last_row(messages, wishes.domain)
    if wishes.facts and row:
        return _speech(phrases.facts(row, wishes.facts))
    if any(slot in SEARCH_SLOTS.get(wishes.domain, ()) for slot in wishes.new):
        return _search(messages, wishes, rng)
    if wishes.topics and wishes.topic.books and row:
        return _book(messages, wishes, row, rng)
    if wishes.domain and wishes.topic.constraints:
        return _search(messages, wishes, rng)
    return _speech(phrases.greeting(rng))


def _search(messages: Sequence[Message], wishes: Understanding, rng: Random) -> Message:
    said = wishes.topic.constraints
    missing = _missing_of_train(said) if wishes.domain == "train" else []
    if missing and not wishes.indifferent:
        return _speech(phrases.question(missing[:2], rng))
    arguments = {slot: said[slot] for slot in SEARCH_SLOTS[wishes.domain] if slot in said}
    return _call(messages, f"search_{wishes.domain}", arguments)


def _missing_of_train(said: Mapping[str, str]) -> list[str]:
    """What to ask before a train is searched: hundreds would match."""
    missing = [slot for slot in ("departure", "destination", "day") if slot not in said]
    if "leaveAt" not in said and "arriveBy" not in said:
        missing.append("leaveAt")
    return missing


def _book(messages: Sequence[Message], wishes: Understanding, row: Row, rng: Random) -> Message:
    slots = BOOK_SLOTS[wishes.domain]
    missing = [slot for slot in slots if slot not in wishes.topic.booking]
    if missing:
        return _speech(phrases.question(missing[:2], rng))
    key = ENTITY_KEY[wishes.domain]
    arguments = {key: row[key], **{slot: wishes.topic.booking[slot] for slot in slots}}
    return _call(messages, f"book_{wishes.domain}", arguments)


def _report(result: Message, wishes: Understanding, rng: Random) -> Message:
    """Say what the tool answered."""
    kind, _, domain = str(result["name"]).partition("_")
    answer = json.loads(result["content"])
    if kind == "book":
        return _speech(_booking_words(answer, rng))
    rows = _rows(answer)
    if not rows:
        return _speech(phrases.nothing_found(domain, rng))
    if wishes.facts:
        return _speech(phrases.facts(rows[0], wishes.facts))
    return _speech(phrases.offer(domain, rows[0], rng, bookable=bool(BOOK_SLOTS[domain])))


def _booking_words(answer: Mapping[str, Any], rng: Random) -> str:
    if answer.get("success"):
        return phrases.booked(answer["reference"], rng)
    return phrases.not_booked(str(answer.get("reason", "")), rng)


def _rows(answer: Any) -> Sequence[Row]:
    """The rows of a search's answer: an object in ``v2``, a list in ``parity``."""
    if isinstance(answer, Mapping):
        found: Sequence[Row] = answer.get("results", ())
        return found
    return list(answer)


def _last_row(messages: Sequence[Message], domain: str) -> Row | None:
    """The entity under discussion: the first of the domain's last search that found one."""
    for message in reversed(messages):
        if message["role"] == "tool" and message["name"] == f"search_{domain}":
            rows = _rows(json.loads(message["content"]))
            if rows:
                return rows[0]
    return None


def _last_reference(messages: Sequence[Message]) -> str:
    for message in reversed(messages):
        if message["role"] == "tool" and str(message["name"]).startswith("book_"):
            answer = json.loads(message["content"])
            if answer.get("success"):
                return phrases.reference(answer["reference"])
    return phrases.NO_REFERENCE


def _speech(text: str) -> Message:
    return {"role": "assistant", "content": text}


def _call(messages: Sequence[Message], tool: str, arguments: Mapping[str, str]) -> Message:
    function = {"name": tool, "arguments": json.dumps(arguments, ensure_ascii=False)}
    call = {"id": f"call_{len(messages)}", "type": "function", "function": function}
    return {"role": "assistant", "content": "", "tool_calls": [call]}
