"""Commands as small models write them, and dialogues as they read them."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialogue.protocols import Completion, Message
from dialogue.strict_json import dumps
from dialogue.tool_text import FunctionCall, assistant, calls_of
from toolwoz.agents.react import PLAN_KEY, ReactPolicy, parse, render, render_answer

SEARCH = '{"name": "search_hotel", "arguments": {"area": "north"}}'
SEARCHED = FunctionCall("search_hotel", '{"area": "north"}')
TOOL = {"type": "function", "function": {"name": "search_hotel", "parameters": {}}}

CASES = {
    "speak": ("SPEAK: Hello!", "", "Hello!", []),
    "plan and speak": ("PLAN: Ask.\nSPEAK: Which area?", "Ask.", "Which area?", []),
    "plan and call": (f"PLAN: Search.\nAPICALL: {SEARCH}", "Search.", "", [SEARCHED]),
    "two calls": (f"APICALL: {SEARCH}\nAPICALL: {SEARCH}", "", "", [SEARCHED, SEARCHED]),
    "no command": ("Hello there.", "", "Hello there.", []),
    "nothing": ("", "", "", []),
    "no colon": ("PLAN search\nSPEAK One moment.", "search", "One moment.", []),
    "no colon before JSON": (f"I will APICALL {SEARCH}", "I will", "", [SEARCHED]),
    "prose before": (f"Sure, let me.\nAPICALL: {SEARCH}", "Sure, let me.", "", [SEARCHED]),
    "prose after": (f"APICALL: {SEARCH}\nNow I wait.", "Now I wait.", "", [SEARCHED]),
    "markdown": ("**PLAN:** Ask.\n### SPEAK: Hi", "Ask.", "Hi", []),
    "code fence": (f"APICALL:\n```json\n{SEARCH}\n```", "", "", [SEARCHED]),
    "extra brace": (f"APICALL: {SEARCH}}}\nSPEAK: Done", "", "Done", [SEARCHED]),
    "lower case is speech": ("I plan: to speak", "", "I plan: to speak", []),
    "keyword in a value": (
        'APICALL: {"name": "a", "arguments": {"b": "SPEAK: x"}}',
        "",
        "",
        [("a", '{"b": "SPEAK: x"}')],
    ),
    "invented result": (f"APICALL: {SEARCH}\nRESULT: {{}}\nSPEAK: Ok", "", "", [SEARCHED]),
    "invented user": ("SPEAK: Which area?\nUSER: The north.", "", "Which area?", []),
    "cut off": ('APICALL: {"name": "a", "arg', "", "", [("a", '{"name": "a", "arg')]),
    "malformed, then speech": ("APICALL: {'name'}\nSPEAK: Hi", "", "Hi", [("", "{'name'}")]),
    "call as code": ("APICALL: search(area=1)", "", "", [("", "search(area=1)")]),
    "not a call": ('APICALL: {"area": "north"}', "", "", [("", '{"area": "north"}')]),
    "empty call": ("APICALL:", "", "", [("", "")]),
    "only a plan": ("PLAN: Search first.", "Search first.", "", []),
    "parameters": (
        'APICALL: {"name": "search_hotel", "parameters": {"area": "north"}}',
        "",
        "",
        [FunctionCall("search_hotel", '{"area": "north"}')],
    ),
}


@pytest.mark.parametrize(("text", "plan", "speech", "calls"), CASES.values(), ids=CASES)
def test_parse(text: str, plan: str, speech: str, calls: list[FunctionCall]) -> None:
    message = parse(text)
    assert (message.get(PLAN_KEY, ""), message["content"]) == (plan, speech)
    assert calls_of(message) == calls


def test_the_dialogue_as_the_model_reads_it() -> None:
    messages = [
        {"role": "system", "content": "Help."},
        {"role": "user", "content": "A hotel in the north."},
        {**assistant("", [SEARCHED, SEARCHED]), PLAN_KEY: "Search."},
        {"role": "tool", "tool_call_id": "call_0", "content": '{"count": 2}'},
        {"role": "tool", "tool_call_id": "call_1", "content": '{"count": 2}'},
        assistant("There are two."),
        {"role": "user", "content": "Thanks."},
    ]
    system, *dialogue = render(messages, [TOOL])
    assert system["content"].startswith("Help.\n\nYou act by writing commands")
    assert system["content"].endswith('{"name": "search_hotel", "parameters": {}}')
    assert dialogue == [
        {"role": "user", "content": "USER: A hotel in the north."},
        {"role": "assistant", "content": f"PLAN: Search.\nAPICALL: {SEARCH}\nAPICALL: {SEARCH}"},
        {"role": "user", "content": 'RESULT: {"count": 2}\nRESULT: {"count": 2}'},
        {"role": "assistant", "content": "SPEAK: There are two."},
        {"role": "user", "content": "USER: Thanks."},
    ]


words = st.text(max_size=30).map(str.strip)
calls = st.lists(
    st.builds(FunctionCall, st.text(max_size=9), st.dictionaries(st.text(), st.text()).map(dumps)),
    max_size=3,
)


@given(words, words, calls)
@settings(max_examples=300)
def test_a_message_survives_the_round_trip(
    plan: str, speech: str, calls: list[FunctionCall]
) -> None:
    message = {**assistant(speech, calls), **({PLAN_KEY: plan} if plan else {})}
    if not speech and not calls:
        message = assistant(plan)
    assert parse(render_answer(message)) == message


def test_ten_thousand_mutilated_answers_all_mean_something() -> None:
    rng = random.Random(0)
    kinds = {"call": 0, "malformed": 0, "speech": 0}
    for _ in range(10_000):
        text = list(f"Hm. PLAN: look\nAPICALL: {SEARCH}\nSPEAK: Found it, é 🚆.")
        for _ in range(rng.randrange(24)):
            at = rng.randrange(len(text))
            junk = ["", "SPEAK", "APICALL:", '"', "{", "}", "\\", "\0", "\n", "\ud83d", "\u202e"]
            text[at : at + rng.randrange(4)] = rng.choice(junk)
        message = parse("".join(text) * rng.choice([1] * 19 + [100]))
        json.dumps(message, ensure_ascii=False).encode("utf-8")
        kinds["call"] += SEARCHED in calls_of(message)
        kinds["malformed"] += any(not call.name for call in calls_of(message))
        kinds["speech"] += bool(message["content"])
    assert min(kinds.values()) > 500, kinds


@dataclass
class Reciter:
    """A chat model that says what it was told to, and remembers what it was asked."""

    answers: Sequence[str | None]
    prompts: list[Sequence[Message]] = field(default_factory=list)

    async def __call__(
        self, messages: Sequence[Message], tools: Sequence[object], *, seed: int
    ) -> Completion | None:
        assert not tools
        assert seed >= 0
        answer = self.answers[len(self.prompts)]
        self.prompts.append(list(messages))
        if answer is None:
            return None
        return Completion({"role": "assistant", "content": answer}, prompt_tokens=10)


def ask(*answers: str | None) -> tuple[Completion | None, Reciter]:
    model = Reciter(answers)
    user: Message = {"role": "user", "content": "Hi"}
    return asyncio.run(ReactPolicy(model)([user], [TOOL], seed=3)), model


def test_the_policy_answers_with_a_message_of_the_open_ai_format() -> None:
    completion, model = ask(f"PLAN: Search.\nAPICALL: {SEARCH}")
    assert completion is not None
    assert completion.message == {**assistant("", [SEARCHED]), PLAN_KEY: "Search."}
    assert len(model.prompts) == 1


def test_a_plan_alone_is_asked_to_go_on() -> None:
    completion, model = ask("PLAN: Ask for the area.", "SPEAK: Which area?")
    assert completion is not None
    assert completion.message == {**assistant("Which area?"), PLAN_KEY: "Ask for the area."}
    assert completion.prompt_tokens == 20
    assert [m["role"] for m in model.prompts[1]] == ["system", "user", "assistant", "user"]


def test_after_three_plans_the_turn_is_over() -> None:
    completion, model = ask(*["PLAN: Hm."] * 4)
    assert completion is not None
    assert (completion.message["content"], len(model.prompts)) == ("", 3)


def test_a_full_context_ends_the_turn() -> None:
    assert ask("PLAN: Hm.", None)[0] is None


@pytest.mark.parametrize(
    "text",
    [
        'PLAN: x\n<think>APICALL: {"name": "a"}\nSPEAK: no</think>SPEAK: yes',
        'APICALL: {"name": "a"}</think>SPEAK: yes',
        'SPEAK: yes\n<think>APICALL: {"name": "a"}',
    ],
)
def test_thought_is_neither_speech_nor_call(text: str) -> None:
    message = parse(text)
    assert (message["content"], calls_of(message)) == ("yes", [])
