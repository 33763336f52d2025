"""BFCL: the official checker's rules, quirks included, and what golden calls reach."""

from __future__ import annotations

from collections import Counter

import pytest

from dialogue.tool_text import FunctionCall, assistant
from tasks.benchmarks.suites.bfcl.match import match
from tasks.benchmarks.suites.bfcl.suite import averages, gold, score
from tasks.benchmarks.suites.functions import Called

FUNCTION = {
    "name": "geo.find",
    "parameters": {
        "type": "dict",
        "properties": {
            "city": {"type": "string"},
            "radius": {"type": "float"},
            "tags": {"type": "array", "items": {"type": "string"}},
            "box": {"type": "dict"},
        },
        "required": ["city"],
    },
}
ANSWER = {
    "geo.find": {
        "city": ["New York, NY"],
        "radius": [5.0, ""],
        "tags": [["Bar", "pub"], ""],
        "box": [{"x": [1], "y": [2, ""]}, ""],
    }
}
CITY = {"city": "new york NY"}


@pytest.mark.parametrize(
    ("arguments", "wrong"),
    [
        (CITY, ""),
        ({**CITY, "radius": 5}, ""),
        ({**CITY, "tags": ["bar", "Pub"], "box": {"x": 1}}, ""),
        ({}, "city is missing"),
        ({**CITY, "zoom": 1}, "zoom is unexpected"),
        ({**CITY, "radius": "5"}, "radius: '5' is no float"),
        ({**CITY, "tags": ["pub", "bar"]}, "tags: ['pub', 'bar'] is none of"),
        ({**CITY, "box": {"y": 2}}, "box: x is missing"),
        (None, "the arguments of geo_find are no JSON object"),
    ],
)
def test_one_call_is_checked_by_name_type_and_value(arguments, wrong):
    found = match("simple_python", [FUNCTION], [ANSWER], [Called("geo_find", arguments)])
    assert found.startswith(wrong)
    assert bool(found) == bool(wrong)


def test_parallel_calls_match_in_any_order():
    answers = [{"geo.find": {"city": [name]}} for name in ("Oslo", "Rome")]
    calls = [Called("geo.find", {"city": name}) for name in ("Rome", "Oslo")]
    assert match("parallel", [FUNCTION], answers, calls) == ""
    assert match("parallel", [FUNCTION], answers, calls[:1]) == "1 calls, not 2"
    assert match("parallel", [FUNCTION], answers, [calls[0]] * 2).startswith("no call is geo.find")


@pytest.mark.data
def test_golden_calls_reach_what_the_official_checker_gives_them(opened):
    benchmark = opened("bfcl")
    sizes = Counter(item.group for item in benchmark.items)
    right = Counter(item.group for item in benchmark.items if score(item, gold(item)).value)
    assert sizes == {
        "simple_python": 400,
        "multiple": 200,
        "parallel": 200,
        "parallel_multiple": 200,
        "live_simple": 258,
        "live_parallel": 16,
        "live_parallel_multiple": 24,
        "irrelevance": 240,
        "live_relevance": 16,
    }
    # Two golden answers have parameters the schema does not know, two have no acceptable value.
    assert sizes - right == {"parallel_multiple": 2, "live_simple": 2}


@pytest.mark.data
def test_an_empty_answer_is_right_only_where_no_call_is_due(opened):
    items = opened("bfcl").items
    right = Counter(item.group for item in items if score(item, assistant("")).value)
    assert right == {"irrelevance": 240}


@pytest.mark.data
def test_what_cannot_be_read_is_no_call(opened):
    broken = assistant("", [FunctionCall("f", "{not json")])
    by_group = {item.group: score(item, broken).value for item in opened("bfcl").items}
    assert {name for name, value in by_group.items() if value} == {"irrelevance"}


def test_averages_are_the_leaderboard_s():
    assert averages([]) == {}
