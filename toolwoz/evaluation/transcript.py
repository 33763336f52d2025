"""Scenarios and messages as text for a terminal."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from textwrap import fill

from dialogue.protocols import Message
from dialogue.tool_text import calls_of
from toolwoz.world.scenario import Goal, Scenario

WIDTH = 96
_ROWS = 3
_STYLES = {"user": "36", "assistant": "32", "tool": "90", "system": "90", "heading": "1"}


@dataclass(frozen=True, slots=True)
class Transcript:
    """Writes text in colour, or plainly.

    Attributes:
        colour: Use ANSI colours.
    """

    colour: bool = False

    def scenario(self, scenario: Scenario, earned: Collection[str] = ()) -> str:
        """The user's goal and the goal calls; those reached are ticked."""
        title = (
            f"{scenario.id} · {scenario.split} · {scenario.mode} · {', '.join(scenario.domains)}"
        )
        lines = [self.styled("heading", title), "", *map(_bullet, scenario.instructions)]
        lines += ["", self.styled("heading", "goal calls")]
        for goal in scenario.goals:
            lines += _goal(goal, goal.id in earned)
        for domain, slots in scenario.requests.items():
            lines.append(f"    asks the {domain}'s {', '.join(slots)}")
        return "\n".join(lines)

    def human(self, scenario: Scenario) -> str:
        """The human dialogue the scenario comes from."""
        if not scenario.human:
            return "the source has no human dialogue for it"
        roles = ("user", "assistant")
        turns = [self.said(roles[i % 2], text) for i, text in enumerate(scenario.human)]
        return "\n".join([self.styled("heading", "human dialogue"), *turns])

    def message(self, message: Message) -> str:
        """One message; a search's answer is cut to its first rows."""
        role = message["role"]
        if role == "tool":
            return self.styled("tool", _indented("→ ", _answer(str(message["content"]))))
        lines = [self.said(role, message["content"])] if message.get("content") else []
        lines += [
            self.styled(role, _indented("⚙ ", f"{call.name} {call.arguments}"))
            for call in calls_of(message)
        ]
        return "\n".join(lines)

    def said(self, role: str, text: str) -> str:
        speaker = {"assistant": "agent"}.get(role, role)
        return self.styled(role, _indented(f"{speaker:>6}  ", text))

    def styled(self, style: str, text: str) -> str:
        return f"\033[{_STYLES[style]}m{text}\033[0m" if self.colour else text


def _goal(goal: Goal, earned: bool) -> Iterator[str]:
    yield f"  {'✓' if earned else '·'} {goal.tool} {_slots({**goal.arguments, **goal.entity})}"
    if goal.first_try:
        yield f"      after trying in vain {_slots(goal.first_try)}"


def _slots(slots: Mapping[str, str]) -> str:
    return ", ".join(f"{slot}={value}" for slot, value in slots.items()) or "(nothing)"


def _bullet(text: str) -> str:
    return _indented("  • ", text)


def _answer(content: str) -> str:
    try:
        answer = json.loads(content)
    except ValueError:
        return content
    if isinstance(answer, dict) and len(answer.get("results", ())) > _ROWS:
        answer["results"] = [*answer["results"][:_ROWS], "..."]
    return json.dumps(answer, ensure_ascii=False)


def _indented(mark: str, text: str) -> str:
    return fill(text, WIDTH, initial_indent=mark, subsequent_indent=" " * len(mark))
