"""A look at the first dialogues of a search: does the model make calls that can be read?"""

from __future__ import annotations

import logging
from collections.abc import Iterator

from dialogue.messages import ToolCall, tool_calls
from dialogue.protocols import Message
from dialogue.strict_json import loads
from josh.tree.tree import Tree

log = logging.getLogger(__name__)

SHOWN, SAMPLES = 160, 2
"""Characters of a sample of the model's text, and number of samples."""
KNOBS = (
    "name its format in engine.tool_parser, tell it its task in dialogue.system_prompt, hold its "
    "calls to the tools with engine.structured=calls, or show it some dialogues first with "
    "bootstrap.lessons.scenarios; harvest.probe=0 goes on all the same"
)


class HopelessError(ValueError):
    """A model from whose calls no search can find a reward, as there are none."""


class Probe:
    """Counts what the model did in the first dialogues, and stops a search that cannot succeed.

    Dialogues that a fault cut short are not counted.

    Args:
        name: Name of the search.
        size: Number of dialogues; 0 looks at none.
    """

    def __init__(self, name: str, size: int) -> None:
        self._name, self._size = name, size
        self._dialogues = self._called = self._answers = self._malformed = 0
        self._goals = self._reached = 0
        self._samples: list[str] = []

    def see(self, tree: Tree) -> None:
        """Count a dialogue; after the last one, log the counts.

        Raises:
            HopelessError: no dialogue holds a readable call; the message says what to change.
        """
        if tree.error or self._dialogues == self._size:
            return
        answers = list(_answers(tree))
        self._dialogues += 1
        self._called += any(_is_readable(call) for one in answers for call in tool_calls(one))
        self._answers += len(answers)
        self._malformed += sum(not all(map(_is_readable, tool_calls(one))) for one in answers)
        self._goals += len(tree.goals)
        self._reached += len(tree.goals & frozenset().union(*(node.earned for node in tree.nodes)))
        self._samples += map(_text, answers)
        if self._dialogues == self._size:
            self._judge()

    def _judge(self) -> None:
        samples = " and ".join(list(dict.fromkeys(self._samples))[:SAMPLES])
        log.info(
            "%s: in %d of the first %d dialogues the model called a tool, %d of %d answers held "
            "malformed calls, %d of %d goals were reached; it wrote %s",
            self._name,
            self._called,
            self._size,
            self._malformed,
            self._answers,
            self._reached,
            self._goals,
            samples,
        )
        if not self._called:
            raise HopelessError(
                f"{self._name}: none of the first {self._size} dialogues holds a call that can be "
                f"read, so that no goal can be reached; the model wrote {samples}: {KNOBS}"
            )


def _answers(tree: Tree) -> Iterator[Message]:
    messages = (message for node in tree.nodes for message in node.messages)
    return (message for message in messages if message["role"] == "assistant")


def _is_readable(call: ToolCall) -> bool:
    """Whether a call names a tool, there or not, and its arguments are a JSON object."""
    try:
        return bool(call.name) and isinstance(loads(call.arguments), dict)
    except (ValueError, TypeError):
        return False


def _text(message: Message) -> str:
    """What a parser left of an answer's text; of calls, what it read."""
    calls = [f"{call.name} {call.arguments}" for call in tool_calls(message)]
    text = " ".join(filter(None, [message.get("content"), *calls]))
    return repr(text if len(text) <= SHOWN else f"{text[:SHOWN]}...")
