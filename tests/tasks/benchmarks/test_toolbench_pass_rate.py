"""ToolBench's pass rate: who is asked what, what counts as unsolved, and sums done by hand."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import replace
from statistics import fmean

import pytest

from dialogue.protocols import Completion
from dialogue.tool_text import FunctionCall, assistant
from tasks.benchmarks import open_benchmark
from tasks.benchmarks.options import Helper
from tasks.benchmarks.runs.runner import attempt, run
from tasks.benchmarks.runs.summary import summarise
from tasks.benchmarks.suites.functions import calling
from tasks.benchmarks.suites.toolbench.pass_rate import VALUE, details, final_answer, read_status


def finish(text, how="give_answer"):
    return calling(("Finish", {"return_type": how, "final_answer": text}))


class Script:
    """Says its messages in order, the last for ever, and keeps what it was asked."""

    def __init__(self, *messages):
        self.messages, self.asked = list(messages), []

    async def __call__(self, messages, _tools, **_):
        self.asked.append(messages[-1]["content"])
        place = min(len(self.asked), len(self.messages)) - 1
        return Completion(self.messages[place])


def says(status):
    return assistant(json.dumps({"content": "so", "answer_status": status}))


@pytest.mark.parametrize(
    ("call", "answer"),
    [
        (finish("42"), "42"),
        (finish("  "), None),
        (finish("42", "give_up_and_restart"), None),
        (calling(("Finish", {"return_type": "give_answer"})), None),
        (calling(("other", {"return_type": "give_answer", "final_answer": "42"})), None),
    ],
)
def test_only_finish_with_a_text_is_an_answer(call, answer):
    function = call["tool_calls"][0]["function"]
    assert final_answer(FunctionCall(function["name"], function["arguments"])) == answer
    assert final_answer(FunctionCall("Finish", "{not json")) is None


def test_a_status_is_read_where_there_is_one():
    assert read_status('Fine. {"content": "x", "answer_status": "Unsolved"}') == "Unsolved"
    assert read_status("Solved!") is None
    assert read_status('"answer_status": "Solved" or "answer_status": "Unsolved"') is None


def test_the_steps_are_a_chain_as_in_the_recorded_answers():
    first = {**calling(("a", {"q": 1})), "content": "I look it up."}
    talk = (first, {"role": "tool", "content": "7"}, finish("It is 7."))
    found = details(talk, "It is 7.")
    assert found["total_steps"] == 3
    [one] = found["answer_details"]
    [two] = one["next"]
    [three] = two["next"]
    assert (one["role"], two["role"], three["role"]) == ("assistant", "tool", "tool")
    assert two["message"] == {"name": "a", "arguments": '{"q": 1}', "response": "7"}
    assert (three["message"]["name"], three["next"]) == ("Finish", [])


def opened(data, judge, simulator):
    helpers = {"judge": Helper("judge", judge), "simulator": Helper("server", simulator)}
    return open_benchmark("toolbench-pass-rate", replace(data, **helpers))


def first_tool(benchmark):
    return benchmark.items[0].tools[0]["function"]["name"]


@pytest.mark.data
def test_the_simulator_answers_and_the_judge_reads_the_answer_then_the_steps(data):
    judge = Script(says("Unsure"), says("Solved"))
    server = Script(assistant('{"error": "", "response": "sunny"}'))
    benchmark = opened(data, judge, server)
    name = first_tool(benchmark)
    policy = Script(calling((name, {"x": 1})), calling(("no_such", {})), finish("It is sunny."))
    scored = asyncio.run(attempt(benchmark, benchmark.items[0], policy))
    assert (scored.score, scored.reason) == (1.0, "judged Solved")
    assert scored.parts == {"finished": 1.0, "unsure": 0.0}
    [asked] = server.asked
    assert name in asked
    assert '{"x": 1}' in asked.replace('{"x":1}', '{"x": 1}')
    assert policy.asked[1] == '{"error": "", "response": "sunny"}'
    assert "No such function name: no_such" in policy.asked[2]
    answer, steps = judge.asked
    assert "Answer:\nIt is sunny.\n" in answer
    assert benchmark.items[0].messages[-1]["content"] in answer
    assert "sunny" in steps
    assert '"answer_details"' in steps


@pytest.mark.data
def test_no_answer_is_unsolved_and_no_judge_is_asked(data):
    judge = Script(says("Solved"))
    benchmark = opened(data, judge, Script(assistant("{}")))
    item = benchmark.items[0]
    reasons = {
        "no Finish in 12 messages": Script(assistant("It is sunny.")),
        "Finish gave no answer": Script(finish("", "give_up_and_restart")),
    }
    for reason, policy in reasons.items():
        scored = asyncio.run(attempt(benchmark, item, policy))
        assert (scored.score, scored.reason, scored.parts) == (0.0, reason, {"finished": 0.0})

    async def full(*_, **__):
        return None

    scored = asyncio.run(attempt(benchmark, item, full))
    assert (scored.score, scored.reason) == (0.0, "the context was full before Finish")
    assert judge.asked == []


@pytest.mark.data
def test_the_pass_rate_is_the_sum_done_by_hand(data):
    """Solved, Unsure twice, Unsolved, and one judge without a status, which is no zero."""
    verdicts = [says("Solved"), says("Unsure"), says("Unsure"), says("Unsolved"), assistant("Hm.")]
    benchmark = opened(data, Script(*verdicts), Script(assistant("{}")))
    policy = Script(finish("42"))
    results = asyncio.run(run(benchmark, benchmark.items[:4], policy, concurrency=1))
    metrics = summarise(benchmark, results)
    assert [one.score for one in results] == [1.0, 0.5, 0.0, None]
    assert metrics.score.value == pytest.approx(0.5)  # (1 + 0.5 + 0) / 3
    assert metrics.errors == {"JudgeError": 1}
    assert metrics.parts["unsure"].value == pytest.approx(1 / 3)
    assert len(benchmark.items) == 765


@pytest.mark.data
def test_the_recorded_judgements_give_the_recorded_pass_rates(data):
    """The authors' three example queries: an answer without Finish is unsolved, two are solved."""
    folder = data.mirror / "toolbench/stabletoolbench_example/pass_rate_results"
    rates = {}
    for path in folder.rglob("*.json"):
        values = []
        for record in json.loads(path.read_text()).values():
            labels = [label.removeprefix("AnswerStatus.") for label in record["is_solved"].values()]
            values.append(fmean(VALUE[label] for label in labels))
            assert ("'name': 'Finish'" in record["final_step"]) == (labels != ["Unsolved"] * 3)
        rates[re.search("cot|dfs", path.name)[0]] = fmean(values)
    assert rates == {"cot": pytest.approx(2 / 3), "dfs": 1.0}
