"""One step of an environment, checked: a broken promise is a fault by name, not a wrong score.

Only what costs microseconds is checked here, at every step of every search. A test that calls
``dialogue.conformance.check_episode`` checks all promises.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from dialogue.messages import tool_calls
from dialogue.protocols import Episode, Message, ReplayableEpisode, Step


class BrokenPromise(RuntimeError):  # noqa: N818 - what is wrong is the environment's promise
    """An environment does not do what ``dialogue/protocols.py`` says of it."""

    def __init__(self, promise: str, found: str) -> None:
        super().__init__(f"{promise} (dialogue/protocols.py): {found}")


class Answer(NamedTuple):
    """The world's answer to a message, and the episode after it."""

    episode: Episode
    step: Step


async def checked_step(
    episode: Episode, message: Message, earned: AbstractSet[str], known: Step | None = None
) -> Answer:
    """Play the world's answer to a message in a fork; the episode itself stays as it is.

    Args:
        episode: The dialogue in which the message is said.
        message: What the agent says or calls.
        earned: Goals that were earned before on this path.
        known: The answer that the world gave before; a replayable episode is not asked again.

    Raises:
        BrokenPromise: the environment broke a promise; the message says which, and how.
        Exception: the user's engine failed.
    """
    length, goals = len(episode.messages), frozenset(episode.goals)
    fork = episode.fork()  # each attempt gets its own: a failed step leaves nothing behind
    if known is not None and isinstance(fork, ReplayableEpisode):
        fork.replay(message, known)
        step = known
    else:
        step = await fork.step(message)
    _check_types(step)
    _check_goals(step, goals, earned)
    if frozenset(fork.goals) != goals:
        raise BrokenPromise(
            "Episode.goals", "it changed in a step; it holds every goal, reached or not"
        )
    _check_answers(message, step)
    if len(episode.messages) != length:
        raise BrokenPromise(
            "Episode.fork",
            "a step of the fork changed its origin's history; copy what changes",
        )
    if list(fork.messages[length:]) != [message, *step.messages]:
        raise BrokenPromise(
            "Episode.messages",
            f"a step must append its message and the {len(step.messages)} of its answer, and "
            f"change nothing before; {length} messages became {len(fork.messages)}",
        )
    return Answer(fork, step)


def _check_types(step: Step) -> None:
    if not all(hasattr(step, name) for name in Step._fields):
        raise BrokenPromise("Episode.step", f"it returned {type(step).__name__}, not a Step")
    if not isinstance(step.earned, AbstractSet) or not all(isinstance(g, str) for g in step.earned):
        raise BrokenPromise("Step.earned", f"{step.earned!r} is not a set of goal ids")
    if not isinstance(step.done, bool):
        raise BrokenPromise("Step.done", f"{step.done!r} is not a bool")
    if not isinstance(step.messages, Sequence) or not all(
        isinstance(message, Mapping) for message in step.messages
    ):
        raise BrokenPromise("Step.messages", f"{step.messages!r} is not a sequence of messages")


def _check_goals(step: Step, goals: AbstractSet[str], earned: AbstractSet[str]) -> None:
    if unknown := step.earned - goals:
        raise BrokenPromise(
            "Step.earned",
            f"{', '.join(sorted(unknown))} is not in Episode.goals: {', '.join(sorted(goals))}",
        )
    if again := step.earned & earned:
        raise BrokenPromise(
            "Step.earned",
            f"{', '.join(sorted(again))} was earned before; only the first time counts",
        )


def _check_answers(message: Message, step: Step) -> None:
    roles = [one.get("role") for one in step.messages]
    calls = sum(1 for _ in tool_calls(message))
    if roles != ["tool"] * calls if calls else {*roles} - {"user"}:
        due = f"{calls} tool calls" if calls else "speech"
        raise BrokenPromise("Step.messages", f"{due} answered by messages of the roles {roles}")
