"""Items in, scored items out: nothing lost, nothing twice, failures apart from zeros."""

from __future__ import annotations

import asyncio
import json

import pytest

from dialogue.records import RecordError
from tasks.benchmarks.runs.runner import choose, run
from tasks.benchmarks.runs.summary import lines, summarise, write_metrics
from tasks.benchmarks.scores.scored_file import SCORED, read_scored

pytestmark = pytest.mark.filterwarnings("error")


def play(benchmark, policy, out=None, *, items=None, seed=0):
    items = benchmark.items if items is None else items
    return asyncio.run(run(benchmark, items, policy, concurrency=3, seed=seed, out=out))


def test_every_item_is_scored_in_order_with_its_prompt_and_answer(sums, right, tmp_path):
    results = play(sums, right, tmp_path)
    assert [one.item for one in results] == [item.id for item in sums.items]
    assert {one.score for one in results} == {1.0}
    assert results[3].prompt[0]["content"] == "3+1"
    assert results[3].answer[0]["content"] == "4"
    assert sorted(read_scored(tmp_path), key=lambda one: one.item) == results


def test_a_run_goes_on_where_it_was_killed(sums, right, tmp_path):
    whole = play(sums, right)
    play(sums, right, tmp_path, items=sums.items[:5])
    with (tmp_path / SCORED).open("ab") as file:
        file.write(b'{"item": "sum/5", "gro')  # killed while writing
    right.asked.clear()
    assert play(sums, right, tmp_path) == whole
    assert sorted(right.asked) == ["5+1", "6+1", "7+1"]
    assert len((tmp_path / SCORED).read_bytes().splitlines()) == 8


def test_a_failure_is_no_zero_and_is_asked_again(sums, right, tmp_path):
    answers = dict(right.answers)
    del right.answers["2+1"]
    results = play(sums, right, tmp_path)
    assert (results[2].score, results[2].error) == (None, "KeyError: '2+1'")
    metrics = summarise(sums, results)
    assert (metrics.items, metrics.unscored, metrics.errors) == (7, 1, {"KeyError": 1})
    assert metrics.score.value == 1.0
    right.answers, right.asked = answers, []
    assert play(sums, right, tmp_path)[2].score == 1.0
    assert right.asked == ["2+1"]


def test_another_run_s_folder_is_refused(sums, right, tmp_path):
    play(sums, right, tmp_path)
    with pytest.raises(RecordError, match="seed was 0, is 1"):
        play(sums, right, tmp_path, seed=1)


def test_a_damaged_line_is_named(sums, right, tmp_path):
    play(sums, right, tmp_path)
    lines = (tmp_path / SCORED).read_text().splitlines()
    (tmp_path / SCORED).write_text("\n".join([lines[0], '{"item": 3}', *lines[2:]]) + "\n")
    with pytest.raises(RecordError, match=r"scored\.jsonl:2: .*remove the line"):
        read_scored(tmp_path)


def test_samples_of_a_seed_are_nested_and_in_order(sums):
    ids = [[item.id for item in choose(sums.items, limit, 3)] for limit in (2, 5, None)]
    assert set(ids[0]) < set(ids[1]) < set(ids[2])
    assert ids[1] == sorted(ids[1])
    assert ids[2] == [item.id for item in sums.items]
    assert any(choose(sums.items, 2, seed) != choose(sums.items, 2, 3) for seed in range(9))


def test_metrics_stand_beside_the_ceiling_and_the_floor(sums, right, tmp_path):
    right.answers["1+1"] = "11"
    metrics = summarise(sums, play(sums, right, tmp_path))
    assert (metrics.ceiling, metrics.floor) == (1.0, 0.0)
    assert metrics.score.value == 7 / 8
    assert metrics.score.low < 7 / 8 < metrics.score.high
    assert metrics.by_group["even"].value == 1.0
    assert metrics.parts["said"].value == 1.0
    write_metrics(tmp_path, metrics, {"model": "m"})
    assert json.loads((tmp_path / "metrics.json").read_text())["score"]["value"] == 7 / 8
    assert "ceiling 1.000, floor 0.000" in "\n".join(lines(metrics))


def test_nothing_scored_is_unknown(sums, right):
    right.answers = {}
    metrics = summarise(sums, play(sums, right))
    assert metrics.to_json()["score"]["value"] is None
    assert metrics.ceiling is None
