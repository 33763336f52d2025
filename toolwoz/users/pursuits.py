"""Pursuits: the user's next act for one need, from what it has said and heard."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from random import Random
from typing import Protocol

from toolwoz.users.acts import Act, Intent
from toolwoz.users.hearing import Heard
from toolwoz.world.domains import SEARCH_SLOTS

PATIENCE = 4
"""Number of replies in a row without progress after which the user gives up the need."""
MOST_SLOTS = 3
"""Maximum number of new values in one utterance."""


class Outcome(Enum):
    """The result of a pursuit."""

    MET = "met"
    GIVEN_UP = "given up"


class Pursuit(Protocol):
    domain: str

    def begin(self, heard: Heard | None, /) -> Act | None:
        """The first act; None if the agent's last reply has already met the need."""
        ...

    def react(self, heard: Heard) -> Act | Outcome:
        """The act that answers a reply, or the outcome."""
        ...


class _Need:
    """Base of searches and bookings: states values piece by piece, first those that must fail."""

    def __init__(
        self, domain: str, wanted: Mapping[str, str], first_try: Mapping[str, str], rng: Random
    ) -> None:
        self.domain = domain
        self._wanted = dict(wanted)
        self._tried = dict(first_try)
        self._said: dict[str, str] = {}
        self._without_progress = 0
        self._rng = rng

    @property
    def _target(self) -> Mapping[str, str]:
        return self._tried or self._wanted

    def _unstated(self) -> list[str]:
        return [slot for slot, value in self._target.items() if self._said.get(slot) != value]

    def _state(self, intent: Intent, slots: Iterable[str]) -> Act:
        """State values that the agent does not know; this is progress."""
        self._without_progress = 0
        told = {slot: self._target[slot] for slot in slots}
        self._said.update(told)
        return Act(intent, self.domain, told)

    def _switch(self, intent: Intent) -> Act:
        """Change from the values that had to fail to the wanted ones."""
        self._tried = {}
        return self._state(intent, self._unstated()[:MOST_SLOTS])

    def _insist(self, act: Act) -> Act | Outcome:
        """Repeat an act after a useless reply, until the patience ends."""
        self._without_progress += 1
        return act if self._without_progress <= PATIENCE else Outcome.GIVEN_UP


class Search(_Need):
    """The need for an entity that satisfies the constraints."""

    def __init__(
        self, domain: str, wanted: Mapping[str, str], first_try: Mapping[str, str], rng: Random
    ) -> None:
        super().__init__(domain, wanted, first_try, rng)
        self._corrected: set[str] = set()

    def begin(self, _heard: Heard | None, /) -> Act | None:
        slots = self._unstated()
        if self.domain != "train":
            self._rng.shuffle(slots)
        return self._state(Intent.OPEN, slots[: self._rng.choice((1, 2, 2, 3, MOST_SLOTS))])

    def react(self, heard: Heard) -> Act | Outcome:
        unstated = self._unstated()
        if self._tried and (heard.refused or not unstated):
            return self._switch(Intent.INSTEAD)
        if unstated:
            asked = [slot for slot in unstated if slot in heard.asked]
            slots = [*asked, *(slot for slot in unstated if slot not in asked)]
            return self._state(Intent.ANSWER if asked else Intent.ADD, slots[:MOST_SLOTS])
        return self._judge(heard)

    def _judge(self, heard: Heard) -> Act | Outcome:
        """Judge a reply after all values have been stated."""
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
    """The need for facts about the entity found."""

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
        """Ask for the facts not yet given, at most twice: no goal depends on them."""
        if heard:
            self._left = tuple(slot for slot in self._left if not heard.tells(slot))
        if not self._left:
            return Outcome.MET
        self._asked += 1
        return Outcome.GIVEN_UP if self._asked > 2 else Act(Intent.ASK, self.domain, {}, self._left)


class Booking(_Need):
    """The need for a booking and its reference number."""

    _asked_reference = False

    def begin(self, _heard: Heard | None, /) -> Act | None:
        slots = self._unstated()
        most = len(slots) - 1 if len(slots) > 1 and self._rng.random() < 0.2 else len(slots)
        return self._state(Intent.BOOK, slots[:most])

    def react(self, heard: Heard) -> Act | Outcome:
        unstated = self._unstated()
        unclear = not (heard.refused or heard.booked)
        if self._tried and not unstated and unclear and not self._without_progress:
            return self._insist(Act(Intent.REBOOK, self.domain, self._target))
        if self._tried and (heard.refused or not unstated):
            return self._switch(Intent.MOVE)
        if unstated:
            asked = any(slot in heard.asked for slot in unstated)
            return self._state(Intent.ANSWER if asked else Intent.BOOK, unstated[:MOST_SLOTS])
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
