"""A rule-based user in the manner of agenda-based simulation (Schatzmann et al., 2007); no model.

It states its constraints piece by piece, switches to others where its goal has a first try that
fails, corrects wrong offers, asks for facts, books, and hangs up.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from random import Random

from dialogue.protocols import Message
from toolwoz.users.acts import Act, Intent
from toolwoz.users.hearing import Heard, hear
from toolwoz.users.phrases import say
from toolwoz.users.pursuits import Booking, Facts, Outcome, Pursuit, Search
from toolwoz.world.scenario import Scenario


class AgendaUser:
    """The agenda user: a function of its seed, the scenario, and what the agent said.

    It ignores the user's utterances in the dialogue: they are its own, and it computes them again.
    """

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed

    async def __call__(self, scenario: Scenario, messages: Sequence[Message]) -> str | None:
        acts = self.acts(scenario, messages)
        if acts[-1] is None:
            return None
        return say(acts[-1], Random(f"{self._seed} {scenario.id} {len(acts)}"))

    def acts(self, scenario: Scenario, messages: Sequence[Message]) -> list[Act | None]:
        """The acts behind the user's utterances so far and, last, behind the next one.

        None stands for hanging up.
        """
        agenda = _Agenda(pursuits(scenario, Random(f"{self._seed} {scenario.id}")))
        return [agenda.open(), *(agenda.react(hear(reply)) for reply in replies(messages))]


def pursuits(scenario: Scenario, rng: Random) -> list[Pursuit]:
    """The user's needs in order: per domain the search, the facts, the booking."""
    found: list[Pursuit] = []
    for domain in dict.fromkeys((*scenario.domains, *scenario.requests)):
        search, book = scenario.goal(f"search_{domain}"), scenario.goal(f"book_{domain}")
        if search:
            found.append(Search(domain, search.arguments, search.first_try, rng))
        if scenario.requests.get(domain):
            found.append(Facts(domain, scenario.requests[domain]))
        if book:
            first = {**book.arguments, **book.first_try} if book.first_try else {}
            found.append(Booking(domain, book.arguments, first, rng))
    return found


def replies(messages: Sequence[Message]) -> Iterator[str]:
    """The agent's reply to each user utterance; several messages in a row are one reply."""
    said: list[str] = []
    for message in messages:
        if message["role"] == "assistant":
            said.append(message.get("content") or "")
        elif said:
            yield " ".join(said)
            said = []
    if said:
        yield " ".join(said)


class _Agenda:
    """The unfinished pursuits, the current one first."""

    def __init__(self, todo: list[Pursuit]) -> None:
        self._todo = todo

    def open(self) -> Act | None:
        return self._next(None, satisfied=None)

    def react(self, heard: Heard) -> Act | None:
        if not self._todo:
            return None
        pursuit = self._todo[0]
        outcome = pursuit.react(heard)
        if isinstance(outcome, Act):
            return outcome
        del self._todo[0]
        if outcome is Outcome.GIVEN_UP and isinstance(pursuit, Search):
            self._todo = [later for later in self._todo if later.domain != pursuit.domain]
        return self._next(heard, satisfied=outcome is Outcome.MET)

    def _next(self, heard: Heard | None, *, satisfied: bool | None) -> Act | None:
        """The first utterance of the next pursuit that needs one; after the last, a goodbye."""
        while self._todo:
            act = self._todo[0].begin(heard)
            if act:
                return replace(act, satisfied=satisfied)
            del self._todo[0]
        return Act(Intent.GOODBYE, satisfied=satisfied)
