"""The users of τ-bench: a model that plays the customer, or a script."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from typing import Final, Protocol

from dialogue.endpoints.user_model import say_as_user
from dialogue.protocols import Message, Policy
from dialogue.seeds import call_seed
from worlds.tau_bench.domain import Scenario

GREETING: Final = "Hi! How can I help you today?"
"""The first message that every user hears, as in τ-bench; the agent's history lacks it."""
HANGS_UP: Final = ("###STOP###", "###TRANSFER###", "###OUT-OF-SCOPE###")
"""The tokens that τ-bench tells the user's model to end a dialogue with."""


class User(Protocol):
    """A user that holds no state: what it says follows from its arguments."""

    async def __call__(self, scenario: Scenario, messages: Sequence[Message]) -> str | None:
        """The next utterance, or None when the user hangs up.

        Args:
            messages: The speech of user and agent so far, user first, without tool calls.

        Raises:
            Exception: the user's engine failed. Never reported as hanging up.
        """
        ...


class LLMUser:
    """A model under τ-bench's own guidelines for users, behind any policy."""

    def __init__(self, policy: Policy, seed: int = 0) -> None:
        self._policy = policy
        self._seed = seed

    async def __call__(self, scenario: Scenario, messages: Sequence[Message]) -> str | None:
        """What the model says; None once it writes one of :data:`HANGS_UP`.

        Raises:
            UserError: the model said nothing, or its context is full.
        """
        return await say_as_user(
            self._policy,
            instructions(scenario),
            messages,
            scenario=scenario.id,
            seed=call_seed(self._seed, scenario.id, f"user {len(messages)}"),
            greeting=GREETING,
            hangs_up=HANGS_UP,
        )


class ScriptedUser:
    """Says these lines one after another, whatever the agent says, and hangs up."""

    def __init__(self, lines: Sequence[str]) -> None:
        self._lines = tuple(lines)

    async def __call__(self, scenario: Scenario, messages: Sequence[Message]) -> str | None:
        del scenario  # the lines are of one already
        spoken = sum(message["role"] == "user" for message in messages)
        return self._lines[spoken] if spoken < len(self._lines) else None


def instructions(scenario: Scenario) -> str:
    """The system prompt of the user's model: the package's guidelines, and the task."""
    guidelines = files("tau2").joinpath("data/tau2/user_simulator/simulation_guidelines.md")
    text = guidelines.read_text(encoding="utf-8")
    return f"{text}\n\n<scenario>\n{scenario.instructions}\n</scenario>"
