"""Where a dialogue's answers come from: its engine and its world, or the record of a killed run."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from dialogue.endpoints.retries import Retry
from dialogue.errors import Fault
from dialogue.protocols import Episode, Message, Policy, ReplayableEpisode, Step
from dialogue.seeds import call_seed
from josh.tree.node import Call

Entry = dict[str, Any]
"""One recorded answer, as JSON."""


class Memory(Protocol):
    """Answers of one dialogue by their place in its tree. A dict will do; see
    ``josh.harvesting.journal``."""

    def get(self, key: str, /) -> Entry | None: ...
    def __setitem__(self, key: str, entry: Entry, /) -> None: ...


class Said(NamedTuple):
    """An assistant message and how it was sampled."""

    message: Message
    call: Call


class Answer(NamedTuple):
    """The world's answer to a message, and the episode after it."""

    episode: Episode
    step: Step


class Dialogue:
    """Asks the policy and steps the world for one search, each question once.

    A place is the path of a node and the number of the call in it ("0.1.1:0"). What has an answer
    in memory is not asked again, so a search that is run again from its start goes on where it
    was killed; every new answer is in memory before the search sees it.
    """

    def __init__(
        self, scenario: str, policy: Policy, seed: int, memory: Memory | None, retry: Retry
    ) -> None:
        self.scenario = scenario
        self.policy = policy
        self.seed = seed
        self.memory = memory
        self.retry = retry

    async def complete(self, place: str, episode: Episode) -> Said | None:
        """The policy's next message, or None when it cannot go on.

        Raises:
            Fault: the engine failed, beyond patience.
        """
        entry = self.memory.get(place) if self.memory is not None else None
        if entry is not None:
            said = entry["said"]
            return said and Said(said["message"], Call.from_json(said["call"]))
        seed = call_seed(self.seed, self.scenario, place)
        completion = await self.retry(
            f"{self.scenario} {place}: policy",
            lambda: self.policy(episode.messages, episode.tools, seed=seed),
        )
        answer = None if completion is None else Said(completion.message, Call.of(completion, seed))
        if self.memory is not None:
            self.memory[place] = {
                "said": answer and {"message": answer.message, "call": answer.call.to_json()}
            }
        return answer

    async def step(self, place: str, episode: Episode, message: Message) -> Answer:
        """The world's answer. The episode given is left as it was; siblings may still need it.

        Raises:
            Fault: the world or its user failed, beyond patience, or answers otherwise than in
                the killed run.
        """
        key = f"{place}>"
        entry = self.memory.get(key) if self.memory is not None else None
        if entry is not None and isinstance(episode, ReplayableEpisode):
            after = episode.fork()
            given = Step(entry["messages"], frozenset(entry["earned"]), entry["done"])
            after.replay(message, given)
            return Answer(after, given)
        answer = await self.retry(
            f"{self.scenario} {place}: world", lambda: _step(episode, message)
        )
        found = {
            "messages": list(answer.step.messages),
            "earned": sorted(answer.step.earned),
            "done": answer.step.done,
        }
        if entry is not None and found != entry:
            raise Fault(
                f"{self.scenario} {place}: the world answers otherwise than in the killed run. "
                "Make it (its user) deterministic, or give its episodes a replay method; "
                "or start the harvest afresh in an empty journal folder"
            )
        if self.memory is not None and entry is None:
            self.memory[key] = found
        return answer


async def _step(episode: Episode, message: Message) -> Answer:
    after = episode.fork()  # each attempt gets its own: a failed step leaves nothing behind
    return Answer(after, await after.step(message))
