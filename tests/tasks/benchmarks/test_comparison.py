"""The comparison finds what is there, and hardly ever what is not."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.benchmarks.scores.comparison import compare, read_runs, to_json
from tasks.benchmarks.scores.scored import Scored
from tasks.compare.differences import line
from toolwoz.evaluation.statistics.comparison import holm


def results(scores):
    return [
        Scored(str(n), "all", (), score=score, error=None if score is not None else "Died: now")
        for n, score in enumerate(scores)
    ]


def alone(baseline, candidate):
    """The comparison where no other is looked at."""
    return holm({"x": compare(baseline, candidate)})["x"]


def test_pairs_are_items_scored_in_both():
    found = compare(results([1, 0, None, 1]), results([1, 1, 1, None, 0]))
    assert (found.items, found.unscored, found.unpaired) == (2, 2, 1)
    assert (found.baseline, found.candidate, found.wins, found.losses) == (0.5, 1.0, 1, 0)


def test_figures_are_those_of_the_textbook():
    found = compare(results([0] * 8 + [1] * 2), results([1] * 7 + [0, 0, 1]))
    assert (found.wins, found.losses) == (7, 1)
    assert found.p_value == pytest.approx(2 * (1 + 8) / 2**8)
    gains = np.array([1] * 7 + [0, -1, 0])
    assert found.effect == pytest.approx(gains.mean() / gains.std(ddof=1))
    assert found.difference.low < 0.6 < found.difference.high


def test_holm_corrects_over_the_benchmarks():
    before, wins = results([0] * 10), {"a": 8, "b": 6, "c": 1}
    found = {
        name: compare(before, results([1] * won + [0] * (10 - won))) for name, won in wins.items()
    }
    a, b, c = holm(found).values()
    assert a.p_holm == pytest.approx(3 * a.p_value)
    assert b.p_holm == pytest.approx(2 * b.p_value)
    assert (a.significant, b.significant, c.significant) == (True, False, False)


def test_a_run_equals_itself():
    found = alone(results([0, 1, 0.5]), results([0, 1, 0.5]))
    assert (found.difference.value, found.p_value, found.significant) == (0.0, 1.0, False)
    assert to_json("x", found)["effect"] is None
    assert "d n/a, 0 better, 0 worse of 3, p 1, Holm 1, detectable n/a" in line("x", found)


@pytest.mark.slow
def test_a_model_compared_with_itself_hardly_ever_differs():
    """Two runs of one model at a temperature: items of all difficulties, answers by chance."""
    rng = np.random.default_rng(0)
    found = 0
    for _ in range(100):
        chance = rng.beta(0.5, 0.5, 300)
        one, two = (results((rng.random(300) < chance).astype(float)) for _ in range(2))
        found += alone(one, two).significant
    assert found <= 7


def test_a_planted_gain_of_ten_points_on_300_items_is_found():
    rng = np.random.default_rng(0)
    found = 0
    for _ in range(8):
        before = (rng.random(300) < 0.4).astype(float)
        after = before.copy()
        after[rng.choice(np.flatnonzero(before == 0), 40, replace=False)] = 1
        after[rng.choice(np.flatnonzero(before == 1), 10, replace=False)] = 0
        gain = alone(results(before), results(after))
        assert gain.difference.value == pytest.approx(0.1)
        assert gain.detectable < 0.1
        found += gain.significant
    assert found == 8


def test_a_folder_without_runs_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"no scored\.jsonl below it"):
        read_runs(tmp_path)
