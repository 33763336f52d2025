"""The agenda user: stateless, deterministic, says everything it must, and never loops."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialogue.protocols import Message
from toolwoz.conversion.conversion import Conversion
from toolwoz.evaluation.mentions import said
from toolwoz.users.acts import Intent
from toolwoz.users.agenda import AgendaUser, replies
from toolwoz.world.scenario import Goal, Mode, Scenario

# What agents say: helpful, wrong, evasive, and nothing at all.
REPLIES = (
    "I found tarvell house, it is in the north. Shall I book it?",
    "Sorry, there is no such place.",
    "Which area would you like? And what price range?",
    "For how many people, and on which day?",
    "Booked. The reference number is AB12CD34. Anything else?",
    "It is booked.",
    "Sorry, the booking failed. Another time?",
    "How can I help you?",
    "The phone number is 01223 123456 and the address is 1 mill road. It costs 5 pounds.",
    "TR1234 leaves at 05:12 and arrives at 06:40.",
    "I found 3 hotels in the south with 2 stars, without parking.",
    "",
)


def conversation(user: AgendaUser, scenario: Scenario, said: Sequence[str]) -> list[str | None]:
    """What the user says, first and after each reply; ends when it hangs up."""

    async def talk() -> list[str | None]:
        messages: list[Message] = []
        utterances = [await user(scenario, messages)]
        for reply in said:
            if utterances[-1] is None:
                break
            messages.append({"role": "user", "content": utterances[-1]})
            messages.append({"role": "assistant", "content": reply})
            utterances.append(await user(scenario, messages))
        return utterances

    return asyncio.run(talk())


def scenario(*goals: Goal, requests: Mapping[str, tuple[str, ...]] | None = None) -> Scenario:
    return Scenario("X1", "test", "v2", (), goals, requests or {})


def after(*said: str) -> list[Message]:
    """A dialogue in which the agent said this; the user does not read its own turns."""
    return [
        message
        for reply in said
        for message in ({"role": "user", "content": "..."}, {"role": "assistant", "content": reply})
    ]


HOTEL = Goal("search_hotel", "search_hotel", {"area": "north", "stars": "4"})
FAILING = Goal("search_hotel", "search_hotel", {"area": "north"}, first_try={"area": "south"})
STAY = Goal("book_hotel", "book_hotel", {"people": "2", "day": "monday", "stay": "3"})
TWICE = Goal(
    "book_hotel", "book_hotel", {"people": "2", "day": "monday", "stay": "3"}, {}, {"stay": "5"}
)
FOUND = "I found tarvell house, it is in the north. Shall I book it?"
DONE = "Booked. The reference number is AB12CD34."


@given(st.data(), st.integers(0, 2**31), st.lists(st.sampled_from(REPLIES), min_size=1, max_size=7))
@settings(max_examples=40, deadline=None)
def test_a_prefix_gives_the_same_utterance_again(
    synthetic: Mapping[Mode, Conversion], data: st.DataObject, seed: int, said: list[str]
) -> None:
    chosen = data.draw(st.sampled_from(synthetic["v2"].scenarios))
    user = AgendaUser(seed)
    whole = conversation(user, chosen, said)
    for length in range(len(said)):
        prefix = conversation(AgendaUser(seed), chosen, said[:length])
        assert prefix == whole[: len(prefix)]


@given(
    st.data(), st.integers(0, 2**31), st.lists(st.sampled_from(REPLIES), min_size=40, max_size=40)
)
@settings(max_examples=40, deadline=None)
def test_whatever_the_agent_says_the_user_says_no_tool_syntax_and_hangs_up(
    synthetic: Mapping[Mode, Conversion], data: st.DataObject, seed: int, said: list[str]
) -> None:
    chosen = data.draw(st.sampled_from(synthetic["v2"].scenarios))
    utterances = conversation(AgendaUser(seed), chosen, said)
    assert utterances[-1] is None
    spoken = [utterance for utterance in utterances if utterance is not None]
    assert all(spoken)
    assert not any(re.search(r"[{}\[\]<>_]|search|tool|None", text) for text in spoken)
    assert max(len(text.split()) for text in spoken) <= 40


@given(
    st.data(),
    st.integers(0, 2**31),
    st.lists(st.sampled_from(REPLIES[:8]), min_size=40, max_size=40),
)
@settings(max_examples=40, deadline=None)
def test_every_constraint_is_said_whatever_the_agent_says(
    synthetic: Mapping[Mode, Conversion], data: st.DataObject, seed: int, said_by_agent: list[str]
) -> None:
    chosen = data.draw(st.sampled_from(synthetic["v2"].scenarios))
    spoken = [text for text in conversation(AgendaUser(seed), chosen, said_by_agent) if text]
    for goal in chosen.goals:
        if not goal.is_booking:
            assert said(goal.arguments, spoken) == goal.arguments.keys()


def test_the_whole_course_of_a_dialogue() -> None:
    acts = AgendaUser(3).acts(
        scenario(FAILING, TWICE, requests={"hotel": ("phone",)}),
        after(
            "Sorry, there is none.",
            FOUND,
            "The phone number is 01223 123456.",
            "Sorry, the booking failed. Another number of nights?",
            DONE,
            "Goodbye!",
        ),
    )
    assert [act and (act.intent, dict(act.slots), act.facts) for act in acts] == [
        (Intent.OPEN, {"area": "south"}, ()),
        (Intent.INSTEAD, {"area": "north"}, ()),
        (Intent.ASK, {}, ("phone",)),
        (Intent.BOOK, {"people": "2", "day": "monday", "stay": "5"}, ()),
        (Intent.MOVE, {"stay": "3"}, ()),
        (Intent.GOODBYE, {}, ()),
        None,
    ]


def intents(user: AgendaUser, wanted: Scenario, said: Sequence[str]) -> list[Intent | None]:
    return [act and act.intent for act in user.acts(wanted, after(*said))]


def test_an_offer_that_breaks_a_constraint_is_corrected_once() -> None:
    wrong = "I found tarvell house, it is in the south. Shall I book it?"
    one = scenario(Goal("search_hotel", "search_hotel", {"area": "north"}))
    assert intents(AgendaUser(), one, [wrong, wrong]) == [
        Intent.OPEN,
        Intent.CORRECT,
        Intent.GOODBYE,
    ]


def test_a_train_that_arrives_too_late_is_corrected() -> None:
    train = Goal("search_train", "search_train", {"departure": "ely", "arriveBy": "10:00"})
    acts = AgendaUser(2).acts(
        scenario(train), after("From where?", "TR1234 leaves at 09:10 and arrives at 10:20.")
    )
    assert acts[-1] is not None
    assert (acts[-1].intent, acts[-1].slots) == (Intent.CORRECT, {"arriveBy": "10:00"})


def test_a_booking_without_a_reference_number_is_asked_for_it() -> None:
    booked = scenario(STAY)
    course = intents(AgendaUser(0), booked, ["It is booked."] * 3)
    assert course.count(Intent.ASK_REFERENCE) == 1
    assert Intent.GOODBYE in course
    assert Intent.ASK_REFERENCE not in intents(AgendaUser(0), booked, [DONE] * 3)


def test_what_is_not_in_the_goal_is_of_no_matter_to_the_user() -> None:
    one = scenario(Goal("search_hotel", "search_hotel", {"area": "north"}))
    assert intents(AgendaUser(), one, ["What price range?"])[-1] == Intent.INDIFFERENT


def test_an_unhelpful_agent_is_given_up_and_the_next_domain_begins() -> None:
    museum = Goal("search_attraction", "search_attraction", {"type": "museum"})
    acts = AgendaUser().acts(scenario(HOTEL, STAY, museum), after(*["Hm."] * 7))
    assert [act.domain for act in acts if act and act.intent == Intent.OPEN] == [
        "hotel",
        "attraction",
    ]
    assert not any(act and act.intent == Intent.BOOK for act in acts)
    assert next(act.satisfied for act in acts if act and act.domain == "attraction") is False


def test_wording_varies_with_the_seed_but_not_the_meaning() -> None:
    openings = {asyncio.run(AgendaUser(seed)(scenario(HOTEL), [])) for seed in range(40)}
    assert len(openings) > 20
    assert None not in openings


def test_several_messages_in_a_row_are_one_reply() -> None:
    messages = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "One moment."},
        {"role": "assistant", "content": None},
        {"role": "assistant", "content": "Done."},
        {"role": "user", "content": "and?"},
    ]
    assert list(replies(messages)) == ["One moment.  Done."]


@pytest.mark.parametrize("seed", range(3))
def test_utterances_are_short(synthetic: Mapping[Mode, Conversion], seed: int) -> None:
    openings = [asyncio.run(AgendaUser(seed)(one, [])) or "" for one in synthetic["v2"].scenarios]
    assert sum(len(text.split()) for text in openings) / len(openings) < 14
