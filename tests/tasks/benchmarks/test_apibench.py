"""APIBench: the official match, checked against the authors' own outputs and known figures."""

from __future__ import annotations

import json
from statistics import fmean

import pytest

from dialogue.tool_text import assistant
from tasks.benchmarks import files
from tasks.benchmarks.suites.apibench.match import Database, read_call

CALLS = [
    "torch.hub.load(repo_or_dir='a/b', model='slow', pretrained=True)",
    "torch.hub.load(repo_or_dir='a/b', model='fast', pretrained=True)",
]


def test_the_call_is_between_its_two_marks():
    dictionary = "{'domain': 'X', 'api_call': \"f(x=')')\", 'api_provider': 'PyTorch'}"
    assert read_call("torchhub", dictionary) == "\"f(x=')')"
    assert read_call("torchhub", "<<<api_call>>>: f(1), <<<api_provider>>>: P") == "f(1)"
    assert read_call("torchhub", "f(1)") is None
    assert read_call("huggingface", "f(1)") == "f(1)"
    assert read_call("huggingface", "") == ""


def test_a_call_is_found_by_function_and_checked_arguments():
    database = Database.of("torchhub", CALLS)
    assert database.find("model = torch.hub.load('a/b', 'fast')") == 1
    assert database.find("x = 1\ntorch.hub.load('a/b', 'slow')(") == 0
    assert database.find("torch.hub.load('a/b', 'other')") is None
    assert database.find("") is None


def test_without_the_function_the_last_subtree_stands_in_for_it():
    database = Database.of("torchhub", ["torch.hub.load(model='fast')"])
    assert database.find("load('fast', 'x')") == 0  # which is the first argument
    assert database.find("load('x', 'fast')") is None


def test_all_arguments_count_for_hugging_face():
    database = Database.of("huggingface", ["M.from_pretrained('a/b', device=0)", "nothing"])
    assert database.find("M.from_pretrained('a/b')") is None
    assert database.find("M.from_pretrained('a/b', device=0)") == 0
    assert database.entries[1] is None


@pytest.mark.data
def test_the_authors_answers_score_as_the_official_script_says(opened, data):
    benchmark = opened("apibench-torchhub")
    folder = files.fetch("apibench", data.data, data.mirror)
    path = folder / "reference_responses/response_torchhub_Gorilla_FT_0_shot.jsonl"
    texts = {
        str(record["question_id"]): record["text"]
        for record in map(json.loads, path.read_text("utf-8").splitlines())
    }
    scores = [benchmark.play.score(one, assistant(texts[one.id])) for one in benchmark.items]
    assert fmean(one.value for one in scores) == 0.7580645161290323
    assert fmean(one.parts["hallucination"] for one in scores) == 0.16129032258064516


@pytest.mark.data
@pytest.mark.parametrize(
    ("hub", "items", "ceiling", "hallucination"),
    [
        ("torchhub", 186, 1.0, 0.0),
        ("huggingface", 904, 0.952433628318584, 20 / 904),
        ("tensorflowhub", 685, 0.9605839416058394, 0.0),
    ],
)
def test_golden_calls_reach_the_ceiling_and_empty_answers_the_floor(
    opened, hub, items, ceiling, hallucination
):
    benchmark = opened(f"apibench-{hub}")
    assert len(benchmark.items) == items
    quiz = benchmark.play
    golden = [quiz.score(item, quiz.gold(item)) for item in benchmark.items]
    assert fmean(one.value for one in golden) == ceiling
    assert fmean(one.parts["hallucination"] for one in golden) == hallucination
    assert {quiz.score(item, assistant("")).value for item in benchmark.items} == {0.0}
