"""Audit of a dialogue: the reason for each missed goal, be it the agent, the user or an engine."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from dialogue.messages import ToolCall, tool_calls
from dialogue.protocols import Message
from toolwoz.evaluation.mentions import said
from toolwoz.world.calls import CallError
from toolwoz.world.domains import ENTITY_KEY
from toolwoz.world.scenario import Goal, Scenario
from toolwoz.world.toolbox import read_arguments
from toolwoz.world.values import canonical


class Failure(StrEnum):
    """The reason why a goal was missed: the first in this order that applies."""

    ENGINE_ERROR = "engine_error"  # the dialogue could not be played to its end
    USER_FAULT = "user_fault"  # the user never said what the goal needs, though it had the chance
    FORMAT_ERROR = "format_error"  # the agent tried, in a form that is no call
    WRONG_TOOL = "wrong_tool"  # it called a tool that no goal has, or that does not exist
    WRONG_ARGUMENT = "wrong_argument"  # it called the tool with other values
    MISSING_CALL = "missing_call"  # it never called the tool


@dataclass(frozen=True, slots=True)
class Audit:
    """The findings of one dialogue's audit.

    Attributes:
        missed: The reason for each goal that was not reached.
        unsaid: The slots whose value the user never said, for each such goal that has any.
    """

    missed: Mapping[str, Failure]
    unsaid: Mapping[str, tuple[str, ...]]

    @property
    def verdict(self) -> Failure | None:
        """The gravest reason in the dialogue; None if no goal was missed."""
        return next((kind for kind in Failure if kind in self.missed.values()), None)


def audit(
    scenario: Scenario,
    messages: Sequence[Message],
    earned: Collection[str],
    error: str | None = None,
    *,
    max_messages: int | None = None,
) -> Audit:
    """The reasons why goals were missed, from the messages alone.

    Args:
        scenario: The scenario that was played.
        messages: The whole dialogue as the policy saw it.
        earned: Ids of the goals reached.
        error: The reason why the dialogue could not be scored; None if it could.
        max_messages: The world's limit on utterances: a user who was cut off is not at fault.
    """
    missed = [goal for goal in scenario.goals if goal.id not in earned]
    if error is not None:
        return Audit({goal.id: Failure.ENGINE_ERROR for goal in missed}, {})
    dialogue = _Dialogue(scenario, messages, frozenset(earned), max_messages)
    unsaid = {goal.id: slots for goal in missed if (slots := dialogue.unsaid(goal))}
    return Audit({goal.id: dialogue.failure(goal) for goal in missed}, unsaid)


@dataclass(frozen=True, slots=True)
class _Attempt:
    """A tool call; its arguments are None where they cannot be parsed."""

    name: str
    arguments: Mapping[str, Any] | None


@dataclass(frozen=True)
class _Dialogue:
    scenario: Scenario
    messages: Sequence[Message]
    earned: frozenset[str]
    max_messages: int | None

    def failure(self, goal: Goal) -> Failure:
        calls = [attempt for attempt in self._attempts() if attempt.name == goal.tool]
        readable = [call.arguments for call in calls if call.arguments is not None]
        if self._users_fault(goal, readable):
            return Failure.USER_FAULT
        if readable:
            return Failure.WRONG_ARGUMENT
        if calls or self._has_malformed_call():
            return Failure.FORMAT_ERROR
        wanted = {other.tool for other in self.scenario.goals}
        if any(attempt.name not in wanted for attempt in self._attempts()):
            return Failure.WRONG_TOOL
        return Failure.MISSING_CALL

    def unsaid(self, goal: Goal) -> tuple[str, ...]:
        told = said(goal.arguments, self._texts("user"))
        return tuple(slot for slot in goal.arguments if slot not in told)

    def _users_fault(self, goal: Goal, calls: Sequence[Mapping[str, Any]]) -> bool:
        """Whether the user hung up, and only unsaid values kept the agent from the goal."""
        unsaid = set(self.unsaid(goal))
        if not unsaid or self._cut_off():
            return False
        if goal.is_booking and not self._could_book(goal.domain):
            return False
        if calls:
            return any(_wrong_slots(goal, arguments) <= unsaid for arguments in calls)
        goals = list(self.scenario.goals)
        return all(before.id in self.earned for before in goals[: goals.index(goal)])

    def _cut_off(self) -> bool:
        """Whether a limit ended the dialogue, not the user."""
        utterances = len(self._texts("user")) + len(self._texts("assistant"))
        if self.max_messages is not None and utterances >= self.max_messages:
            return True
        return bool(self.messages[-1]["role"] != "assistant")

    def _could_book(self, domain: str) -> bool:
        """Whether the agent named a wanted entity after the user had stated all constraints."""
        search = self.scenario.goal(f"search_{domain}")
        if search is None:
            return True
        if search.id not in self.earned:
            return False
        spoken = [m for m in self.messages if m["role"] != "tool" and not m.get("tool_calls")]
        told: set[str] = set()
        for place, message in enumerate(spoken):
            if message["role"] == "user":
                told |= said(search.arguments, [str(message["content"])])
            if told >= search.arguments.keys():
                replies = (m for m in spoken[place:] if m["role"] == "assistant")
                later = " ".join(str(reply.get("content")) for reply in replies)
                return any(name in later for name in self._found(domain))
        return False

    def _found(self, domain: str) -> set[str]:
        """The entities that searches of the domain answered with."""
        key = f'"{ENTITY_KEY[domain]}": "'
        return {
            part.partition('"')[0]
            for message in self.messages
            if message["role"] == "tool" and message.get("name") == f"search_{domain}"
            for part in str(message.get("content")).split(key)[1:]
        }

    def _texts(self, role: str) -> list[str]:
        """The utterances of the user or the agent, without tool calls."""
        return [
            str(message.get("content") or "")
            for message in self.messages
            if message["role"] == role and not message.get("tool_calls")
        ]

    def _attempts(self) -> list[_Attempt]:
        calls = (call for m in self.messages if m["role"] == "assistant" for call in tool_calls(m))
        return [_attempt(call) for call in calls]

    def _has_malformed_call(self) -> bool:
        """Whether some call has no name, or stayed in the text as if it were speech."""
        nameless = any(not attempt.name for attempt in self._attempts())
        return nameless or any("tool_call" in text for text in self._texts("assistant"))


def _attempt(call: ToolCall) -> _Attempt:
    name = call.name if isinstance(call.name, str) else ""
    try:
        return _Attempt(name, read_arguments(call.arguments))
    except CallError:
        return _Attempt(name, None)


def _wrong_slots(goal: Goal, arguments: Mapping[str, Any]) -> set[str]:
    """The goal's slots that a call leaves out or gives another value."""
    return {
        slot
        for slot, value in goal.arguments.items()
        if canonical(slot, str(arguments.get(slot, ""))) != canonical(slot, value)
    }
