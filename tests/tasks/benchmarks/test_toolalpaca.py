"""ToolAlpaca: golden calls, placeholders, and the authors' own judge transcripts."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from dataclasses import replace

import pytest

from dialogue.protocols import Completion
from dialogue.tool_text import FunctionCall, assistant
from tasks.benchmarks import files, open_benchmark
from tasks.benchmarks.options import Helper, MissingError
from tasks.benchmarks.runs.runner import attempt
from tasks.benchmarks.suites.functions import Called
from tasks.benchmarks.suites.toolalpaca.call_match import ANY, Step, match, parse_golden, same
from tasks.benchmarks.suites.toolalpaca.judge import read_verdict
from tasks.benchmarks.suites.toolalpaca.suite import ASK_USER, gold, read_apis, score, tools_of

FIND = Step("findCat", {"tag": "cute", "page": 1, "size": ""})
SHOW = Step("showCat", {"id": ANY})


@pytest.mark.parametrize(
    ("given", "value", "function", "f1"),
    [
        ([Called("findCat", {"tag": "Cute", "page": "1"}), Called("showCat", {"id": 7})], 1, 1, 1),
        ([Called("showCat", {"id": 7}), Called("findCat", {"tag": "cute", "page": 1})], 0, 0, 1),
        (
            [Called("findCat", {"tag": "cute", "page": 2}), Called("showCat", {"id": 7})],
            0,
            1,
            4 / 6,
        ),
        ([Called("findCat", {"tag": "cute", "page": 1})], 0, 0.5, 4 / 5),
        ([Called("findCat", None), Called("showCat", {"id": 7})], 0, 1, 2 / 4),
        ([], 0, 0, 0),
    ],
)
def test_calls_match_by_order_function_and_arguments(given, value, function, f1):
    found = match([FIND, SHOW], given)
    assert (found.value, found.parts["function"]) == (value, function)
    assert found.parts["argument_f1"] == pytest.approx(f1)
    assert bool(found.reason) == (not value)


def test_an_optional_step_may_be_left_out_or_taken():
    steps = [FIND, Step("rename", {"name": "Tom"}, optional=True)]
    find, rename = Called("findCat", {"tag": "cute", "page": 1}), Called("rename", {"name": "Tom"})
    assert match(steps, [find]).value == match(steps, [find, rename]).value == 1
    assert match(steps, [rename]).value == 0


def test_golden_text_that_is_no_json_is_understood():
    golden = [
        {"Action": "getDetails", "Action_Input": '{"Question": "Who?"}'},
        {"Action": "show", "Action_Input": '{"id": ${id from find, "key": ${key}}'},
        {"Action": "[Optional]rates", "Action_Input": '{"key": "s", "symbols": "symbols": ["A"]}'},
    ]
    ask, show, rates = parse_golden(golden, {"key": "***"}, ASK_USER)
    assert ask == Step("getDetails", None)
    assert show == Step("show", {"id": ANY}, optional=True)
    assert rates == Step("rates", {"symbols": ["A"]}, optional=True)


def test_values_are_the_same_by_meaning():
    assert same(3, "3.0")
    assert same(True, "true")
    assert same({"a": [ANY]}, {"a": [1, 2]})
    assert not same(["a"], ["a", "b"])
    assert not same({"a": 1}, {"a": 1, "b": 2})


@pytest.mark.data
def test_the_sizes_are_the_published_ones(opened):
    benchmark = opened("toolalpaca")
    assert Counter(item.group for item in benchmark.items) == {"simulated": 100, "real": 108}
    assert benchmark.known["excluded, function not documented"] == {"real": 6}


@pytest.mark.data
def test_as_many_items_as_known_need_no_repair(data):
    clean = Counter()
    for split, apis in read_apis(files.fetch("toolalpaca", data.data, data.mirror)).items():
        for api in apis:
            names = {tool["function"]["name"] for tool in tools_of(split, api)}
            clean[split] += sum(all(_clean(s, names) for s in g) for g in api["Golden_Answers"])
    assert clean == {"simulated": 69, "real": 104}


def _clean(step, names):
    try:
        return isinstance(json.loads(step["Action_Input"]), dict) and step["Action"] in names
    except ValueError:
        return False


@pytest.mark.data
def test_golden_answers_reach_the_ceiling_and_empty_ones_the_floor(opened):
    benchmark = opened("toolalpaca")
    for item in benchmark.items:
        assert score(item, gold(item)).parts == {"function": 1.0, "argument_f1": 1.0}, item.id
        assert score(item, gold(item)).value == 1
        assert score(item, assistant("")).value == 0


@pytest.mark.data
def test_no_secret_is_asked_for(opened):
    for item in opened("toolalpaca").items:
        keys = {key for tool in item.tools for key in tool["function"]["parameters"]["properties"]}
        assert not keys & {"api_key", "appid", "access_key"}


@pytest.mark.data
def test_the_authors_transcripts_aggregate_to_their_figures(data):
    folder = files.fetch("toolalpaca", data.data, data.mirror)
    stored = json.loads((folder / "reference_outputs/ToolAlpaca7b.json").read_text("utf-8"))
    verdicts = [
        read_verdict(one["output"])
        for name, ones in stored.items()
        if name != "statistics"
        for one in ones
    ]
    assert len(verdicts) == 100
    found = [one for one in verdicts if one]
    assert sum(one.process == "Yes" for one in found) == 63
    assert sum(one.response == "Yes" for one in found) == 68
    assert sum(one == ("Yes", "Yes") for one in found) == 60


class Plays:
    """The simulator and the judge: says what it was told to, and remembers its prompts."""

    def __init__(self, verdict):
        self.verdict, self.prompts = verdict, []

    async def __call__(self, messages, _tools, **_):
        self.prompts.append(messages[-1]["content"])
        judging = "AI Assistant's Solution" in self.prompts[-1]
        return Completion(assistant(self.verdict if judging else 'Status Code: 200. {"id": 7}'))


class Caller:
    """Calls the API once, then tells the user."""

    async def __call__(self, messages, tools, **_):
        if messages[-1]["role"] == "user":
            return Completion(assistant("", [FunctionCall(tools[0]["function"]["name"], "{}")]))
        return Completion(assistant(f"It says {messages[-1]['content']}"))


async def mute(*_, **__):
    return Completion(assistant("I cannot."))


def judged(data, policy, verdict):
    judge = Plays(verdict)
    mine = Helper("mine", judge)
    benchmark = open_benchmark("toolalpaca-judge", replace(data, judge=mine, simulator=mine))
    return asyncio.run(attempt(benchmark, benchmark.items[0], policy)), judge.prompts


@pytest.mark.data
def test_the_official_protocol_simulates_then_judges(data):
    verdict = "fine\n## Results\nProcess Correctness: Yes\nFinal Response Correctness: Uncertain"
    scored, prompts = judged(data, Caller(), verdict)
    assert (scored.score, scored.parts) == (0.0, {"process": 1.0, "response": 0.0})
    simulation, evaluation = prompts
    assert "GET /random" in simulation
    assert "2. Final Response: It says Status Code: 200." in evaluation
    assert "1. Function: getRandomAxolotlImage" in evaluation


@pytest.mark.data
def test_a_judge_without_a_verdict_gives_no_score_and_no_call_is_wrong(data):
    scored, _ = judged(data, Caller(), "Well done!")
    assert scored.score is None
    assert scored.error.startswith("JudgeError: mine gave no verdict")
    scored, prompts = judged(data, mute, "")
    assert (scored.score, scored.reason, prompts) == (0.0, "no call was made", [])


@pytest.mark.data
def test_without_a_judge_it_says_what_is_missing(data):
    with pytest.raises(MissingError, match="toolalpaca-judge needs --judge URL"):
        open_benchmark("toolalpaca-judge", data)
    with pytest.raises(MissingError, match="needs --simulator URL and --simulator-model NAME"):
        open_benchmark("toolalpaca-judge", replace(data, judge=Helper("mine", mute)))
