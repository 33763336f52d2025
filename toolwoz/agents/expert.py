"""A rule-based agent that plays as a good assistant would, from nothing but the visible dialogue.

It demonstrates for models that start from nothing, so it is a simple function of what they see:
it searches whenever the user adds a constraint, with all constraints said so far; it books once
the user has given every slot; every value it says or passes on was said by the user or a tool.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random

from dialogue.protocols import Completion, Message, Tool
from toolwoz.agents import phrases
from toolwoz.agents.messages import Row, call, last_reference, last_row, report, speak
from toolwoz.agents.understanding import Reader, Understanding
from toolwoz.world.domains import BOOKING_SLOTS, ENTITY_KEY, SEARCH_SLOTS
from toolwoz.world.world import World


class Expert:
    """The scripted agent: a policy for every scenario of the world, which never sees the scenario.

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
        if messages[-1]["role"] == "tool":
            return speak(report(messages[-1], rng))
        said = [str(m.get("content") or "") for m in messages if m["role"] == "user"]
        return _respond(messages, self._reader.read(said), rng)


def _respond(messages: Sequence[Message], wishes: Understanding, rng: Random) -> Completion:
    """To a user's utterance: a tool call where one is due, else speech."""
    if wishes.says_goodbye:
        return speak(phrases.farewell(rng))
    if wishes.asks_reference:
        return speak(phrases.reference(last_reference(messages)))
    if not wishes.domain:
        return speak(phrases.greeting(rng))
    row = last_row(messages, wishes.domain)
    if wishes.facts and row:
        return speak(phrases.facts(row, wishes.facts))
    searched = any(slot in SEARCH_SLOTS[wishes.domain] for slot in wishes.new)
    if wishes.topic.books and row and not searched:
        return _book(messages, wishes, row, rng)
    return _search(messages, wishes, rng)


def _search(messages: Sequence[Message], wishes: Understanding, rng: Random) -> Completion:
    said = wishes.topic.constraints
    missing = _missing_of_train(said) if wishes.domain == "train" else []
    if missing and not wishes.indifferent:
        return speak(phrases.question(missing[:2], rng))
    arguments = {slot: said[slot] for slot in SEARCH_SLOTS[wishes.domain] if slot in said}
    return call(messages, f"search_{wishes.domain}", arguments)


def _missing_of_train(said: Mapping[str, str]) -> list[str]:
    """What to ask before a train is searched: hundreds would match."""
    missing = [slot for slot in ("departure", "destination", "day") if slot not in said]
    if "leaveAt" not in said and "arriveBy" not in said:
        missing.append("leaveAt")
    return missing


def _book(messages: Sequence[Message], wishes: Understanding, row: Row, rng: Random) -> Completion:
    slots = BOOKING_SLOTS[wishes.domain]
    missing = [slot for slot in slots if slot not in wishes.topic.booking]
    if missing:
        return speak(phrases.question(missing[:2], rng))
    key = ENTITY_KEY[wishes.domain]
    arguments = {key: row[key], **{slot: wishes.topic.booking[slot] for slot in slots}}
    return call(messages, f"book_{wishes.domain}", arguments)
