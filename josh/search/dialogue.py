"""The answers that one search is given: by the engine and the world, or by the record of an
earlier run that was killed."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Any, NamedTuple, Protocol

from dialogue.endpoints.retries import Retry
from dialogue.errors import Fault
from dialogue.messages import checked
from dialogue.protocols import Completion, Episode, Message, Policy, Step
from dialogue.seeds import call_seed
from josh.search.contract import Answer, checked_step
from josh.tree.node import Call

Entry = dict[str, Any]
"""One recorded answer, as JSON."""


class Memory(Protocol):
    """The answers of one dialogue by their place in its tree. A dict has this shape, and so has
    ``josh.harvesting.journal.Answers``."""

    def get(self, key: str, /) -> Entry | None: ...
    def __setitem__(self, key: str, entry: Entry, /) -> None: ...


def check_entry(entry: Entry) -> None:
    """Check a recorded answer as a new one is.

    Raises:
        ValueError, LookupError, TypeError, AttributeError: it is none that may be used.
    """
    if "said" not in entry:  # the opening, or the world's answer
        if not all(message["role"] for message in entry["messages"]):
            raise ValueError("a message without a role")
    elif said := entry["said"]:
        call = {name: value for name, value in said["call"].items() if name != "seed"}
        checked(Completion(said["message"], **call))


class Said(NamedTuple):
    """An assistant message and how it was sampled."""

    message: Message
    call: Call


class Dialogue:
    """Asks the policy and steps the world for one search, each question once.

    A place is the path of a node and the number of the call in it ("0.1.1:0"). A question whose
    answer is in memory is not asked again, so a search that is run again from its start goes on
    where it was killed. Every new answer is in memory before the search sees it.
    """

    def __init__(
        self, scenario: str, policy: Policy, seed: int, memory: Memory | None, retry: Retry
    ) -> None:
        self.scenario = scenario
        self.policy = policy
        self.seed = seed
        self.memory = memory if memory is not None else {}
        self.retry = retry

    async def complete(self, place: str, episode: Episode) -> Said | None:
        """The policy's next message, or None when it cannot go on.

        Raises:
            Fault: the engine failed, and did not recover in time.
        """
        entry = self.memory.get(place)
        if entry is not None:
            said = entry["said"]
            return said and Said(said["message"], Call.from_json(said["call"]))
        seed = call_seed(self.seed, self.scenario, place)
        completion = await self.retry(
            f"{self.scenario} {place}: policy",
            lambda: self._ask(episode, seed),
        )
        answer = None if completion is None else Said(completion.message, Call.of(completion, seed))
        self.memory[place] = {
            "said": answer and {"message": answer.message, "call": answer.call.to_json()}
        }
        return answer

    async def _ask(self, episode: Episode, seed: int) -> Completion | None:
        completion = await self.policy(episode.messages, episode.tools, seed=seed)
        return None if completion is None else checked(completion)

    async def step(
        self, place: str, episode: Episode, message: Message, earned: AbstractSet[str]
    ) -> Answer:
        """The world's answer. The episode given stays as it is: siblings may still need it.

        Args:
            place: The place of the message.
            episode: The world before the message.
            message: What the agent says or calls.
            earned: Goals that were earned before on this path.

        Raises:
            Fault: the world or its user failed, and did not recover in time; it broke a promise
                of ``dialogue.protocols``; or it answers otherwise than in the killed run.
        """
        key = f"{place}>"
        entry = self.memory.get(key)
        known = None
        if entry is not None:
            known = Step(entry["messages"], frozenset(entry["earned"]), entry["done"])
        answer = await self.retry(
            f"{self.scenario} {place}: world",
            lambda: checked_step(episode, message, earned, known),
        )
        found = {
            "messages": list(answer.step.messages),
            "earned": sorted(answer.step.earned),
            "done": answer.step.done,
        }
        if entry is None:
            self.memory[key] = found
        elif found != entry:
            raise Fault(
                f"{self.scenario} {place}: the world answers otherwise than in the killed run. "
                "Make it (its user) deterministic, or give its episodes a replay method; "
                "or start the harvest afresh in an empty journal folder"
            )
        return answer
