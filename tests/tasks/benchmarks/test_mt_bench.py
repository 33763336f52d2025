"""MT-Bench: who won in both orders, what had no verdict, and the authors' temperatures."""

from __future__ import annotations

import asyncio
import json
from collections import Counter, defaultdict
from dataclasses import replace

import pytest

from dialogue.protocols import Completion
from dialogue.tool_text import assistant
from tasks.benchmarks import open_benchmark
from tasks.benchmarks.__main__ import main
from tasks.benchmarks.options import Helper, MissingError
from tasks.benchmarks.runs.runner import run
from tasks.benchmarks.runs.summary import summarise
from tasks.benchmarks.shape import UnscoredError
from tasks.benchmarks.suites.mt_bench.judge import Comparison, Turn, read_verdict
from tasks.benchmarks.suites.mt_bench.suite import TEMPERATURE, WRONG, read_answers
from tests.helpers.chat_endpoint import serving


class Says:
    """A model, or a judge, that says one text whatever it is asked."""

    def __init__(self, text):
        self.text, self.asked = text, []

    async def __call__(self, messages, _tools, **_):
        self.asked.append(messages)
        return Completion(assistant(self.text))


class PrefersBetter(Says):
    """A judge that prefers the answer BRILLIANT to any other."""

    async def __call__(self, messages, _tools, **_):
        self.asked.append(messages)
        a, b = messages[-1]["content"].split("The Start of Assistant B")
        verdict = (
            "C" if ("BRILLIANT" in a) == ("BRILLIANT" in b) else "A" if "BRILLIANT" in a else "B"
        )
        return Completion(assistant(f"I think [[{verdict}]]"))


def play(benchmark, policy, items=None, out=None):
    items = benchmark.items if items is None else items
    return asyncio.run(run(benchmark, items, policy, concurrency=4, out=out))


@pytest.fixture
def before(data, tmp_path):
    """A run of answers that are all the same."""
    benchmark = open_benchmark("mt-bench-answers", data)
    assert {one.score for one in play(benchmark, Says("plain"), out=tmp_path / "before")} == {1.0}
    return tmp_path / "before"


def judged(data, before, policy, judge, count=None):
    benchmark = open_benchmark(
        "mt-bench", replace(data, judge=Helper("mine", judge), against=before)
    )
    return summarise(benchmark, play(benchmark, policy, benchmark.items[:count]))


@pytest.mark.parametrize(
    ("verdicts", "value", "swayed"),
    [("AB", 1, False), ("BA", 0, False), ("AA", 0.5, True), ("CC", 0.5, False), ("CB", 0.5, False)],
)
def test_a_preference_counts_if_it_survives_the_other_order(verdicts, value, swayed):
    turn = Turn(*verdicts)
    assert (turn.value, turn.swayed) == (value, swayed)


def test_a_missing_verdict_is_neither_a_tie_nor_a_loss():
    half = Comparison("mine", [Turn("A", "B"), Turn("A", None)]).score(())
    assert half.value == 1.0
    assert half.parts == {"turn 1": 1.0, "unparsed": 0.25, "swayed": 0.0}
    with pytest.raises(UnscoredError) as failure:
        Comparison("mine", [Turn(None, "B"), Turn("A", None)]).score((assistant("x"),))
    assert (failure.value.parts, failure.value.answer) == ({"unparsed": 0.5}, (assistant("x"),))


def test_a_verdict_is_the_only_one_in_the_text():
    assert read_verdict("[[C]] for a tie. I say [[C]].") == "C"
    assert read_verdict('"[[A]]" if A is better, "[[B]]" if B is better') is None
    assert read_verdict("A is better") is None


@pytest.mark.data
def test_the_questions_are_the_published_ones(data):
    benchmark = open_benchmark("mt-bench-answers", data)
    assert Counter(item.group for item in benchmark.items) == dict.fromkeys(TEMPERATURE, 10)
    assert {len(item.messages) for item in benchmark.items} == {2}
    referenced = {int(item.id) for item in benchmark.items if item.gold["reference"]}
    assert referenced == set(range(101, 131)) - WRONG
    assert (len(WRONG), len(referenced)) == (13, 17)


@pytest.mark.data
def test_the_better_model_wins_both_turns_in_both_orders(data, before):
    judge = PrefersBetter("")
    metrics = judged(data, before, Says("BRILLIANT"), judge)
    assert (metrics.items, metrics.score.value) == (80, 1.0)
    assert metrics.score.low > 0.9
    assert {name: one.value for name, one in metrics.parts.items()} == {
        "turn 1": 1.0,
        "turn 2": 1.0,
        "unparsed": 0.0,
        "swayed": 0.0,
    }
    assert metrics.known["judged without their reference, which is wrong"] == 13
    assert metrics.known["judge"] == "mine"
    assert len(judge.asked) == 320
    systems = [messages[0]["content"] for messages in judge.asked]
    assert sum("reference answer" in system for system in systems) == 17 * 4
    assert judged(data, before, Says("plain"), PrefersBetter(""), 8).score.value == 0.5


@pytest.mark.data
def test_a_judge_that_takes_the_first_decides_nothing(data, before):
    metrics = judged(data, before, Says("BRILLIANT"), Says("[[A]]"), 8)
    assert (metrics.score.value, metrics.parts["swayed"].value) == (0.5, 1.0)


@pytest.mark.data
def test_a_judge_without_verdicts_gives_no_score_but_a_rate(data, before):
    metrics = judged(data, before, Says("BRILLIANT"), Says("Both are nice."), 8)
    assert (metrics.items, metrics.unscored) == (0, 8)
    assert metrics.errors == {"UnscoredError": 8}
    assert (metrics.parts["unparsed"].value, metrics.parts["unparsed"].scenarios) == (1.0, 8)


@pytest.mark.data
def test_what_is_missing_is_said(data, tmp_path):
    judge = Helper("mine", Says(""))
    with pytest.raises(ValueError, match="mt-bench needs --judge URL"):
        open_benchmark("mt-bench", data)
    with pytest.raises(ValueError, match="--against DIR, with another model's run"):
        open_benchmark("mt-bench", replace(data, judge=judge))
    with pytest.raises(MissingError, match="--against DIR"):
        open_benchmark("mt-bench", replace(data, judge=judge, against=tmp_path))


@pytest.fixture
def endpoint():
    """A real server of two models: one repeats the question, the other judges ties."""
    asked = defaultdict(set)

    def say(body):
        asked[body["temperature"]].add(body["messages"][0]["content"])
        return "[[C]]" if body["model"] == "judge" else body["messages"][-1]["content"]

    with serving(say, ("model", "judge")) as url:
        yield url, asked


@pytest.mark.data
def test_both_commands_over_http_at_the_authors_temperatures(data, endpoint, tmp_path, capsys):
    url, asked = endpoint
    common = ["--model", url, "--name", "model", "--data", str(data.data), "--limit", "20"]
    common += ["--mirror", str(data.mirror)]
    assert main(["mt-bench-answers", *common, "--out", str(tmp_path / "before")]) == 0
    items = open_benchmark("mt-bench-answers", data).items
    limited = read_answers(tmp_path / "before")
    for temperature in (0.0, 0.1, 0.7):
        assert asked[temperature] == {
            item.messages[0]["content"]
            for item in items
            if item.id in limited and TEMPERATURE[item.group] == temperature
        }
    judge = ["--judge", url, "--judge-model", "judge", "--against", str(tmp_path / "before")]
    assert main(["mt-bench", *common, *judge, "--out", str(tmp_path / "after")]) == 0
    assert "mt-bench: 0.500 [0.500, 0.500] over 20 items" in capsys.readouterr().out
    record = json.loads((tmp_path / "after" / "metrics.json").read_text())
    assert record["configuration"]["judge"] == "judge"
    assert record["known"]["left out, not answered by that"] == 60
