"""ToolBench: which tools are called, and whether their arguments fit; the sizes of the data."""

from __future__ import annotations

import asyncio
import re
from collections import Counter

import pytest

from dialogue.protocols import Completion
from dialogue.tool_text import FunctionCall, assistant
from tasks.benchmarks import files
from tasks.benchmarks.runs.runner import attempt, run
from tasks.benchmarks.runs.summary import summarise
from tasks.benchmarks.scores.scored_file import SCORED
from tasks.benchmarks.shape import Item
from tasks.benchmarks.suites.functions import calling, tool
from tasks.benchmarks.suites.toolbench.suite import gold, read_items, score, tool_name

NUMBER = {"type": "object", "properties": {"n": {"type": "number"}}, "required": ["n"]}
ITEM = Item("q", "G1_tool", (), tuple(tool(name, "", NUMBER) for name in "abc"), ["a", "b"])


@pytest.mark.parametrize(
    ("calls", "f1", "parts"),
    [
        ([("a", {"n": 1}), ("b", {"n": 2})], 1, (1, 1, 1, 0, 1)),
        ([("a", {"n": 1}), ("a", {"n": 2}), ("b", {})], 1, (1, 1, 1, 0, 2 / 3)),
        ([("a", {"n": "1"})], 2 / 3, (1, 1 / 2, 0, 0, 0)),
        ([(name, {"n": 1}) for name in "abc"], 4 / 5, (2 / 3, 1, 1, 0, 1)),
        ([("a", {"n": 1}), ("d", {"n": 1})], 1 / 2, (1 / 2, 1 / 2, 0, 1 / 2, 1)),
    ],
)
def test_what_was_called_is_held_against_what_is_relevant(calls, f1, parts):
    found = score(ITEM, calling(*calls))
    assert found.value == pytest.approx(f1)
    names = ("precision", "recall", "path", "hallucinated", "valid_arguments")
    assert found.parts == pytest.approx(dict(zip(names, parts, strict=True)))


def test_without_a_call_nothing_is_solved_and_calls_are_not_judged():
    found = score(ITEM, assistant("I call a and b."))
    assert (found.value, found.reason) == (0.0, "no call to a, b")
    assert found.parts == {"precision": 0.0, "recall": 0.0, "path": 0.0}


def test_arguments_that_are_no_object_do_not_fit():
    found = score(ITEM, assistant("", [FunctionCall("a", "{not json")]))
    assert found.parts["valid_arguments"] == 0


def test_a_tool_is_named_as_the_authors_agent_names_it():
    """The names of their recorded answers, ``toolbench/stabletoolbench_example``."""
    assert tool_name("Kick.com API | Kick API", "Get channel clips") == (
        "get_channel_clips_for_kick_com_api_kick_api"
    )
    assert tool_name("Keyword Analysis", "SimilarQueries") == (
        "similarqueries_for_keyword_analysis"
    )
    assert tool_name("1 Tool", "id") == "is_id_for_get_1_tool"


@pytest.mark.data
def test_the_sizes_are_the_known_ones(data, opened):
    items = read_items(files.fetch("toolbench", data.data, data.mirror))
    assert Counter(item.group for item in items) == {
        "G1_instruction": 163,
        "G1_category": 153,
        "G1_tool": 158,
        "G2_category": 124,
        "G2_instruction": 106,
        "G3_instruction": 61,
    }
    assert len({item.id for item in items}) == 765
    benchmark = opened("toolbench")
    assert len(benchmark.items) == 569
    assert list(benchmark.known.values()) == [196]


@pytest.mark.data
def test_tools_have_names_of_their_own_that_servers_accept(data):
    for item in read_items(files.fetch("toolbench", data.data, data.mirror)):
        names = [one["function"]["name"] for one in item.tools]
        assert len(set(names)) == len(names), item.id
        assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name) for name in names)
        assert set(item.gold) <= set(names)


@pytest.mark.data
def test_relevant_calls_reach_the_ceiling_and_empty_answers_the_floor(opened):
    for item in opened("toolbench").items:
        best = score(item, gold(item))
        assert (best.value, best.reason) == (1.0, ""), item.id
        assert best.parts["path"] == best.parts["valid_arguments"] == 1.0
        assert best.parts["hallucinated"] == 0.0
        assert score(item, assistant("")).value == 0.0


@pytest.mark.data
def test_calling_every_tool_finds_every_path_and_is_not_precise(opened):
    items = opened("toolbench").items
    everything = [score(i, calling(*((t["function"]["name"], {}) for t in i.tools))) for i in items]
    assert {one.parts["path"] for one in everything} == {1.0}
    assert max(one.value for one in everything) < 1.0


class Counts:
    """Calls the first tool, and counts how often it was asked."""

    asked = 0

    async def __call__(self, _messages, tools, **_):
        self.asked += 1
        return Completion(calling((tools[0]["function"]["name"], {})))


@pytest.mark.data
def test_a_run_that_was_killed_repeats_nothing_and_ends_the_same(opened, tmp_path):
    benchmark = opened("toolbench")
    items, policy = benchmark.items[:12], Counts()

    def play(chosen, out=None):
        return asyncio.run(run(benchmark, chosen, policy, concurrency=4, out=out))

    whole = play(items)
    play(items[:7], tmp_path)
    with (tmp_path / SCORED).open("ab") as file:
        file.write(b'{"item": "G1')  # killed while writing
    policy.asked = 0
    assert play(items, tmp_path) == whole
    assert policy.asked == 5
    assert summarise(benchmark, whole).ceiling == 1.0
    assert asyncio.run(attempt(benchmark, items[3], policy)) == whole[3]
