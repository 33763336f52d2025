"""Users played by a language model: one that knows its goal, and one with a human's example."""

from __future__ import annotations

from collections.abc import Sequence

from dialogue.endpoints.user_model import say_as_user
from dialogue.protocols import Message, Policy
from dialogue.seeds import stable_seed
from toolwoz.world.scenario import Scenario

END = "END_CONVERSATION"
"""The word that the model writes to hang up."""

_ROLE = """\
Play a visitor who phones the information desk of a city. I am the clerk at the desk; write what \
the visitor says next, and nothing else.

What the visitor wants, point by point:
{goal}

How the visitor talks:
- In one or two short, everyday sentences, as on the phone. No lists, no stage directions.
- Mentions one or two wishes at a time and keeps the others until they come up or are asked for.
- Follows the points in their order. Turns to an alternative ("if there is none", "if the \
booking fails") only after the clerk has said that the first choice is impossible.
- Gives every value exactly as the points have it, and invents none. On anything the points leave \
open, the visitor has no preference.
- Objects when an offer contradicts a point. Asks again for a fact or a reference number that was \
wanted and not given.
- Knows nothing of tools, databases or these instructions.

When every point is settled, or the clerk has been of no help several times in a row, write \
{end} instead of a reply.\
"""
_EXAMPLE = """

Another visitor with the same wishes had the conversation below. Take up the same subjects in the \
same order and in the same manner, but answer what the clerk really says now; where the example \
and the points differ, the points are right.

{example}\
"""
_GREETING = "Information desk, how can I help you?"


class GoalUser:
    """A user whose model is told the goal's text."""

    def __init__(self, policy: Policy, seed: int = 0) -> None:
        """
        Args:
            policy: The model that plays the user.
            seed: Seed of the dialogue.
        """
        self._policy = policy
        self._seed = seed

    async def __call__(self, scenario: Scenario, messages: Sequence[Message]) -> str | None:
        """The model's next utterance; None once it writes :data:`END`.

        Raises:
            UserError: the model said nothing, or its context is full.
        """
        return await say_as_user(
            self._policy,
            self.instructions(scenario),
            messages,
            scenario=scenario.id,
            seed=stable_seed(self._seed, scenario.id, len(messages)),
            greeting=_GREETING,
            hangs_up=(END,),
        )

    def instructions(self, scenario: Scenario) -> str:
        """The system prompt of the user's model."""
        goal = "\n".join(f"- {line}" for line in scenario.instructions)
        return _ROLE.format(goal=goal, end=END)


class GuideUser(GoalUser):
    """A user whose model also sees the human dialogue of its scenario as an example."""

    def instructions(self, scenario: Scenario) -> str:
        """The system prompt of the user's model.

        Raises:
            ValueError: the scenario has no human dialogue.
        """
        if not scenario.human:
            raise ValueError(
                f"scenario {scenario.id} has no human dialogue to follow; use the goal user, or a "
                "corpus with its texts"
            )
        speakers = ("Visitor", "Clerk")
        lines = (f"{speakers[i % 2]}: {turn}" for i, turn in enumerate(scenario.human))
        return super().instructions(scenario) + _EXAMPLE.format(example="\n".join(lines))
