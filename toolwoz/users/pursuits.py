"""How a user pursues one need: what it says next, given what it has said and what it hears."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from random import Random
from typing import Protocol

from toolwoz.users.acts import Act, Intent
from toolwoz.users.hearing import Heard
from toolwoz.world.domains import SEARCH_SLOTS

PATIENCE = 4
"""Replies in a row that bring no progress, after which the user gives the need up."""
MOST_SLOTS = 3
"""New values in one utterance."""


class Outcome(Enum):
    """How a pursuit ends."""

    MET = "met"
    GIVEN_UP = "given up"


class Pursuit(Protocol):
    domain: str

    def begin(self, heard: Heard | None, /) -> Act | None:
        """The first utterance; None if the agent's last reply has met the need already."""
        ...

    def react(self, heard: Heard) -> Act | Outcome:
        """The answer to a reply, or the end."""
        ...


class _Telling:
    """Shared by searches and bookings: values told piece by piece, first those that must fail."""

    def __init__(
        self, domain: str, wanted: Mapping[str, str], first_try: Mapping[str, str], rng: Random
    ) -> None:
        self.domain = domain
        self._wanted = dict(wanted)
        self._tried = dict(first_try)
        self._said: dict[str, str] = {}
        self._wasted = 0
        self._rng = rng

    @property
    def _target(self) -> Mapping[str, str]:
        return self._tried or self._wanted

    def _untold(self) -> list[str]:
        return [slot for slot, value in self._target.items() if self._said.get(slot) != value]

    def _tell(self, intent: Intent, slots: Iterable[str]) -> Act:
        """Progress: values the agent did not know."""
        self._wasted = 0
        told = {slot: self._target[slot] for slot in slots}
        self._said.update(told)
        return Act(intent, self.domain, told)

    def _switch(self, intent: Intent) -> Act:
        """From the values that were to fail to those really wanted."""
        self._tried = {}
        return self._tell(intent, self._untold()[:MOST_SLOTS])

    def _insist(self, act: Act) -> Act | Outcome:
        """The reply was of no use: say something again, but not for ever."""
        self._wasted += 1
        return act if self._wasted <= PATIENCE else Outcome.GIVEN_UP


class Search(_Telling):
    """Wants an entity that keeps the constraints."""

    def __init__(
        self, domain: str, wanted: Mapping[str, str], first_try: Mapping[str, str], rng: Random
    ) -> None:
        super().__init__(domain, wanted, first_try, rng)
        self._corrected: set[str] = set()

    def begin(self, _heard: Heard | None, /) -> Act | None:
        slots = self._untold()
        if self.domain != "train":
            self._rng.shuffle(slots)
        return self._tell(Intent.OPEN, slots[: self._rng.choice((1, 2, 2, 3, MOST_SLOTS))])

    def react(self, heard: Heard) -> Act | Outcome:
        untold = self._untold()
        if self._tried and (heard.refused or not untold):
            return self._switch(Intent.INSTEAD)
        if untold:
            asked = [slot for slot in untold if slot in heard.asked]
            slots = [*asked, *(slot for slot in untold if slot not in asked)]
            return self._tell(Intent.ANSWER if asked else Intent.ADD, slots[:MOST_SLOTS])
        return self._judge(heard)

    def _judge(self, heard: Heard) -> Act | Outcome:
        """All is told: is the reply what was wanted?"""
        broken = [slot for slot in heard.broken(self._wanted) if slot not in self._corrected]
        if heard.offered and broken:
            self._corrected.update(broken)  # Once each: the user may have misheard.
            return self._insist(self._act(Intent.CORRECT, broken))
        if heard.offered or (not heard.refused and {"people", "stay"} & {*heard.asked}):
            return Outcome.MET
        known = [slot for slot in self._wanted if slot in heard.asked]
        if known:
            return self._insist(self._act(Intent.ANSWER, known[:MOST_SLOTS]))
        unknown = tuple(slot for slot in heard.asked if slot in SEARCH_SLOTS[self.domain])
        if unknown:
            return self._insist(Act(Intent.INDIFFERENT, self.domain, facts=unknown[:2]))
        return self._insist(self._act(Intent.REPEAT, self._wanted))

    def _act(self, intent: Intent, slots: Iterable[str]) -> Act:
        return Act(intent, self.domain, {slot: self._wanted[slot] for slot in slots})


class Facts:
    """Wants to know facts about what was found."""

    def __init__(self, domain: str, slots: Iterable[str]) -> None:
        self.domain = domain
        self._left = tuple(slots)
        self._asked = 0

    def begin(self, heard: Heard | None, /) -> Act | None:
        outcome = self._ask(heard)
        return outcome if isinstance(outcome, Act) else None

    def react(self, heard: Heard) -> Act | Outcome:
        return self._ask(heard)

    def _ask(self, heard: Heard | None) -> Act | Outcome:
        """Ask for what is left, twice at most: nothing hangs on it."""
        if heard:
            self._left = tuple(slot for slot in self._left if not heard.tells(slot))
        if not self._left:
            return Outcome.MET
        self._asked += 1
        return Outcome.GIVEN_UP if self._asked > 2 else Act(Intent.ASK, self.domain, {}, self._left)


class Booking(_Telling):
    """Wants what was found to be booked, and the reference number."""

    _asked_reference = False

    def begin(self, _heard: Heard | None, /) -> Act | None:
        slots = self._untold()
        most = len(slots) - 1 if len(slots) > 1 and self._rng.random() < 0.2 else len(slots)
        return self._tell(Intent.BOOK, slots[:most])

    def react(self, heard: Heard) -> Act | Outcome:
        untold = self._untold()
        unclear = not (heard.refused or heard.booked)
        if self._tried and not untold and unclear and not self._wasted:
            return self._insist(Act(Intent.REBOOK, self.domain, self._target))
        if self._tried and (heard.refused or not untold):
            return self._switch(Intent.MOVE)
        if untold:
            asked = any(slot in heard.asked for slot in untold)
            return self._tell(Intent.ANSWER if asked else Intent.BOOK, untold[:MOST_SLOTS])
        return self._judge(heard)

    def _judge(self, heard: Heard) -> Act | Outcome:
        if heard.booked:
            if heard.reference or self._asked_reference:
                return Outcome.MET
            self._asked_reference = True
            return Act(Intent.ASK_REFERENCE, self.domain)
        known = [slot for slot in self._wanted if slot in heard.asked]
        if known and not heard.refused:
            told = {slot: self._wanted[slot] for slot in known}
            return self._insist(Act(Intent.ANSWER, self.domain, told))
        return self._insist(Act(Intent.REBOOK, self.domain, self._wanted))
