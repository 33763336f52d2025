"""Users played by a model, here one that answers from a list and keeps what it was asked."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from dialogue.errors import UserError
from dialogue.protocols import Completion, Message, Tool
from toolwoz.users.llm import END, GoalUser, GuideUser
from toolwoz.world.scenario import Goal, Scenario

SCENARIO = Scenario(
    "X1",
    "test",
    "v2",
    ("You are looking for a hotel in the north.", "You want the phone number."),
    (Goal("search_hotel", "search_hotel", {"area": "north"}),),
    human=("i need a hotel .", "which area ?", "the north ."),
)
HISTORY = [
    {"role": "user", "content": "I need a hotel."},
    {"role": "assistant", "content": "Which area?"},
]


class Recorded:
    """A policy that gives one answer and keeps its prompts."""

    def __init__(self, answer: str | None) -> None:
        self.answer = answer
        self.prompts: list[list[Message]] = []
        self.seeds: list[int] = []

    async def __call__(
        self, messages: Sequence[Message], tools: Sequence[Tool], *, seed: int
    ) -> Completion | None:
        assert not tools
        self.prompts.append(list(messages))
        self.seeds.append(seed)
        if self.answer is None:
            return None
        return Completion({"role": "assistant", "content": self.answer})


def test_the_model_sees_the_goal_and_the_dialogue_from_the_users_side() -> None:
    model = Recorded("  The north. ")
    assert asyncio.run(GoalUser(model)(SCENARIO, HISTORY)) == "The north."
    (prompt,) = model.prompts
    assert [m["role"] for m in prompt] == ["system", "user", "assistant", "user"]
    assert prompt[2]["content"] == "I need a hotel."
    assert all(line in prompt[0]["content"] for line in SCENARIO.instructions)
    assert "i need a hotel ." not in prompt[0]["content"]


def test_the_guide_user_also_sees_the_human_dialogue() -> None:
    model = Recorded("hello")
    asyncio.run(GuideUser(model)(SCENARIO, []))
    system = model.prompts[0][0]["content"]
    assert "Visitor: i need a hotel .\nClerk: which area ?\nVisitor: the north ." in system
    assert SCENARIO.instructions[0] in system


def test_seeds_differ_by_turn_and_by_dialogue_and_come_again() -> None:
    model = Recorded("hello")
    for user, history in ((1, []), (1, HISTORY), (2, []), (1, [])):
        asyncio.run(GoalUser(model, user)(SCENARIO, history))
    assert len(set(model.seeds)) == 3
    assert model.seeds[0] == model.seeds[3]


@pytest.mark.parametrize("text", [END, f"Thank you, bye. {END}", f"{END}."])
def test_the_model_hangs_up(text: str) -> None:
    assert asyncio.run(GoalUser(Recorded(text))(SCENARIO, HISTORY)) is None


@pytest.mark.parametrize(("text", "why"), [(None, "context"), ("", "nothing"), (" \n", "nothing")])
def test_a_silent_engine_is_a_fault_and_no_hanging_up(text: str | None, why: str) -> None:
    with pytest.raises(UserError, match=why):
        asyncio.run(GoalUser(Recorded(text))(SCENARIO, HISTORY))


def test_a_guide_needs_a_human_dialogue() -> None:
    bare = Scenario("X2", "test", "v2", (), SCENARIO.goals)
    with pytest.raises(ValueError, match="X2 has no human dialogue"):
        asyncio.run(GuideUser(Recorded("hello"))(bare, []))
