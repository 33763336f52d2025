"""Texts a model may write, and the message each one means."""

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialogue.tool_text import ARGUMENTS, FunctionCall, assistant, calls_of, parse, render


def block(body: str) -> str:
    return f"<tool_call>\n{body}\n</tool_call>"


SEARCH = '{"name": "search_hotel", "arguments": {"area": "north"}}'
SEARCHED = FunctionCall("search_hotel", '{"area": "north"}')

CASES = {
    "speech": ("  Hello there!\n", "Hello there!", []),
    "nothing": ("", "", []),
    "one call": (block(SEARCH), "", [SEARCHED]),
    "prose around": (f"Let me look.\n{block(SEARCH)}\nDone.", "Let me look.\nDone.", [SEARCHED]),
    "two calls": (block(SEARCH) + "\n" + block(SEARCH), "", [SEARCHED, SEARCHED]),
    "compact": ('<tool_call>{"name":"a","arguments":{"b":1}}</tool_call>', "", [("a", '{"b": 1}')]),
    "unclosed": (f"<tool_call>{SEARCH}", "", [SEARCHED]),
    "unclosed, prose after": (f"<tool_call>{SEARCH} One moment.", "One moment.", [SEARCHED]),
    "unclosed, then another": (f"<tool_call>{SEARCH}\n{block(SEARCH)}", "", [SEARCHED] * 2),
    "stray closing tag": ("Hello </tool_call>", "Hello </tool_call>", []),
    "tag inside a value": (
        block('{"name": "a", "arguments": {"b": "</tool_call>"}}'),
        "",
        [("a", '{"b": "</tool_call>"}')],
    ),
    "unicode": (
        block('{"name": "a", "arguments": {"b": "caf\\u00e9"}}'),
        "",
        [("a", '{"b": "café"}')],
    ),
    "lone surrogate": (
        block('{"name": "a", "arguments": {"b": "\\ud800"}}'),
        "",
        [("a", '{"b": "\\ud800"}')],
    ),
    "arguments before parameters": (
        block('{"name": "a", "parameters": {"c": 2}, "arguments": {"b": 1}}'),
        "",
        [("a", '{"b": 1}')],
    ),
    **{
        f"{key}: {given}": (
            block(f'{{"name": "a", "{key}": {given}}}'),
            "",
            [("a", '{"b": 1}')],
        )
        for key in ARGUMENTS
        for given in ('{"b": 1}', json.dumps('{"b": 1}'))
    },
    "nested": (
        block('{"id": "x", "type": "function", "function": {"name": "a", "arguments": {"b": 1}}}'),
        "",
        [("a", '{"b": 1}')],
    ),
    "nested, with other names": (
        block('{"function": {"name": "a", "args": {"b": 1}}}'),
        "",
        [("a", '{"b": 1}')],
    ),
    "nested name alone": (
        block('{"function": "a", "arguments": {"b": 1}}'),
        "",
        [("", '{"function": "a", "arguments": {"b": 1}}')],
    ),
    "unknown key beside the arguments": (
        block('{"name": "a", "thought": "hm", "arguments": {"b": 1}}'),
        "",
        [("a", '{"b": 1}')],
    ),
    "unknown key in place of the arguments": (
        block('{"name": "a", "options": {"b": 1}}'),
        "",
        [("", '{"name": "a", "options": {"b": 1}}')],
    ),
    "arguments beside the name": (
        block('{"name": "a", "area": "north"}'),
        "",
        [("", '{"name": "a", "area": "north"}')],
    ),
    "no arguments, with id and type": (
        block('{"id": "x", "type": "function", "name": "a"}'),
        "",
        [("a", "{}")],
    ),
    "no arguments": (block('{"name": "a"}'), "", [("a", "{}")]),
    "arguments are a list": (block('{"name": "a", "arguments": [1]}'), "", [("a", "[1]")]),
    "no name": (block('{"area": "north"}'), "", [("", '{"area": "north"}')]),
    "name is a number": (block('{"name": 3}'), "", [("", '{"name": 3}')]),
    "empty block": ("<tool_call></tool_call>", "", [("", "")]),
    "cut off": ('<tool_call>\n{"name": "a", "argu', "", [("a", '{"name": "a", "argu')]),
    "extra brace": (block(SEARCH + "}"), "", [("search_hotel", SEARCH + "}")]),
    "single quotes": (block("{'name': 'a'}"), "", [("", "{'name': 'a'}")]),
    "NaN": (block('{"name": "a", "b": NaN}'), "", [("a", '{"name": "a", "b": NaN}')]),
    "infinite": (block('{"name": "a", "b": 1e999}'), "", [("a", '{"name": "a", "b": 1e999}')]),
}


@pytest.mark.parametrize(("text", "content", "calls"), CASES.values(), ids=CASES)
def test_parse(text: str, content: str, calls: list[FunctionCall]) -> None:
    message = parse(text)
    assert (message["content"], calls_of(message)) == (content, calls)


def test_calls_are_numbered_by_position() -> None:
    ids = [call["id"] for call in parse(block(SEARCH) * 3)["tool_calls"]]
    assert ids == ["call_0", "call_1", "call_2"]


def test_render_writes_the_templates_format() -> None:
    message = assistant("Let me look.", [SEARCHED])
    assert render(message) == "Let me look.\n" + block(SEARCH)


def test_deep_nesting_is_a_malformed_call() -> None:
    body = '{"name": "a", "arguments": ' + "[" * 100_000
    assert calls_of(parse(f"<tool_call>{body}")) == [("a", body)]


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
CALL = block('{"name": "a", "arguments": {}}')
THOUGHT = {
    "a closed block": (f"<think>Maybe {CALL}, or not.</think>\n{CALL} Well.", "Well.", 1),
    "opened in the prompt": (f"Maybe {CALL}?</think>\n\nYes. {CALL}", "Yes.", 1),
    "never closed": (f"Yes. {CALL} <think>And {CALL}", "Yes.", 1),
    "cut off": (f"<think>Maybe {CALL}", "", 0),
    "several": (f"<think>{CALL}</think>a<think>{CALL}</think>b", "ab", 0),
    "none": (f"I think {CALL}", "I think", 1),
}


@pytest.mark.parametrize(("text", "content", "made"), THOUGHT.values(), ids=THOUGHT)
def test_thought_is_neither_speech_nor_call(text: str, content: str, made: int) -> None:
    message = parse(text)
    assert (message["content"], len(calls_of(message))) == (content, made)
    assert parse(render(message)) == message


calls = st.lists(
    st.builds(
        lambda name, arguments: FunctionCall(name, json.dumps(arguments, ensure_ascii=False)),
        st.text(),
        st.dictionaries(st.text(), json_values, max_size=4),
    ),
    max_size=3,
)


@given(st.text().map(str.strip), calls)
def test_a_well_formed_message_survives_the_round_trip(
    content: str, calls: list[FunctionCall]
) -> None:
    message = assistant(content, calls)
    assert parse(render(message)) == message


pieces = st.lists(
    st.sampled_from(
        ["<tool_call>", "</tool_call>", "\n", '{"name": "a"', '"arguments": {}', "}", SEARCH]
    )
    | st.text(max_size=20),
    max_size=12,
).map("".join)


@given(pieces)
@settings(max_examples=300)
def test_what_was_parsed_survives_the_round_trip(text: str) -> None:
    message = parse(text)
    assert parse(render(message)) == message


def fuzz(rng: random.Random) -> str:
    """A mutilated call among junk, now and then 10,000 characters of it."""
    text = list(f"Sure! {block(SEARCH)} and {block(SEARCH)}")
    for _ in range(rng.randrange(20)):
        at = rng.randrange(len(text))
        text[at : at + rng.randrange(4)] = rng.choice(
            [
                "",
                "<tool_call>",
                "</tool_call>",
                '"',
                "{",
                "}",
                "\\",
                "\0",
                "é",
                "\ud83d",
                "🚆",
                "\u202e",
            ]
        )
    length = rng.choice([1, 1, 1, 1, 1, 1, 1, 1, 1, 60])
    return "".join(text) * length


def test_ten_thousand_mutilated_messages_all_mean_something() -> None:
    rng = random.Random(0)
    malformed = 0
    for _ in range(10_000):
        message = parse(fuzz(rng))
        assert set(message) <= {"role", "content", "tool_calls"}
        json.dumps(message, ensure_ascii=False).encode("utf-8")
        malformed += any(
            "tool_call" in call.arguments or not call.name for call in calls_of(message)
        )
    assert malformed > 100  # the fuzz does reach the error paths
