"""Users played by a model, here one that answers from a list and keeps what it was asked."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from dialogue.endpoints.user_model import ATTEMPTS
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
    """A policy that gives these answers in order, the last one for ever, and keeps its prompts."""

    def __init__(self, *answers: str | None) -> None:
        self.answers = answers
        self.prompts: list[list[Message]] = []
        self.seeds: list[int] = []

    async def __call__(
        self, messages: Sequence[Message], tools: Sequence[Tool], *, seed: int
    ) -> Completion | None:
        assert not tools
        self.prompts.append(list(messages))
        self.seeds.append(seed)
        answer = self.answers[min(len(self.seeds), len(self.answers)) - 1]
        return None if answer is None else Completion({"role": "assistant", "content": answer})


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


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (END, None),
        (f"{END}.", None),
        (f"**{END}**", None),
        (f"{END} Thank you, bye.", None),
        (f"Yes, book it. {END}", "Yes, book it."),
        (f"Yes, book it.\n**{END}** {END}", "Yes, book it."),
        (f"I need a hotel. {END}", None),  # its last words, again
        (f"<think>Later I write {END}.</think>\n\nThe north.", "The north."),
        (f"Later I write {END}.</think>\n\nThe north.", "The north."),
        ("The north. <think>Is that all?", "The north."),
        ("<think>a</think>The <think>b</think>north.", "The north."),
        (f"<think>That is all.</think>{END}", None),
    ],
)
def test_what_is_said_and_what_hangs_up(text: str, says: str | None) -> None:
    model = Recorded(text)
    assert asyncio.run(GoalUser(model)(SCENARIO, HISTORY)) == says
    assert len(model.seeds) == 1


SILENT = ("", " \n", f"<think>{END}", "<think>Hm.</think>", "Hm.</think>\n")


@pytest.mark.parametrize("text", SILENT)
def test_a_model_that_says_nothing_is_asked_again_with_another_seed(text: str) -> None:
    model = Recorded(text, "The north.")
    assert asyncio.run(GoalUser(model)(SCENARIO, HISTORY)) == "The north."
    assert len(set(model.seeds)) == 2
    assert model.prompts[0] == model.prompts[1]


@pytest.mark.parametrize(
    ("text", "why", "asked"),
    [(None, "context", 1), *((text, "nothing", ATTEMPTS) for text in SILENT)],
)
def test_a_silent_engine_is_a_fault_and_no_hanging_up(
    text: str | None, why: str, asked: int
) -> None:
    model = Recorded(text)
    with pytest.raises(UserError, match=why):
        asyncio.run(GoalUser(model)(SCENARIO, HISTORY))
    assert len(set(model.seeds)) == asked


def test_a_guide_needs_a_human_dialogue() -> None:
    bare = Scenario("X2", "test", "v2", (), SCENARIO.goals)
    with pytest.raises(ValueError, match="X2 has no human dialogue"):
        asyncio.run(GuideUser(Recorded("hello"))(bare, []))
