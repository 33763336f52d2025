"""How far work is, in the log, in figures, and to whoever listens."""

from __future__ import annotations

import logging

import pytest

from dialogue import progress as module
from dialogue.progress import Progress


def test_means_are_over_the_items_that_have_them_and_counts_are_sums() -> None:
    progress = Progress("work", 5, done=1)
    progress.advance({"reward": 1.0}, {"faults": 0})
    progress.advance({"reward": 0.5}, {"faults": 0})
    assert str(progress) == "work: 3 of 5, reward 0.750"
    progress.advance(counts={"faults": 2})
    assert str(progress) == "work: 4 of 5, reward 0.750, faults 2"
    assert progress.figures == {"reward": 0.75, "faults": 2}
    assert progress.share == 0.8


@pytest.mark.parametrize("total", [20, 3, 1000])
def test_listeners_are_told_twenty_times_at_most(total: int) -> None:
    told: list[float] = []
    progress = Progress("work", total, listeners=[lambda one: told.append(one.share)])
    for _ in range(total):
        progress.advance()
    steps = min(total, 20)
    assert told == [pytest.approx(number / steps) for number in range(1, steps + 1)]


def test_the_log_has_a_line_now_and_then_and_one_at_the_end(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with caplog.at_level(logging.INFO, "dialogue"), Progress("work", 3) as progress:
        progress.advance()
        monkeypatch.setattr(module, "LOG_EVERY", -1.0)
        progress.advance()
        monkeypatch.undo()
        progress.advance()
    assert caplog.messages == ["work: 2 of 3", "work: 3 of 3"]


def test_no_work_is_no_error() -> None:
    with Progress("work", 0) as progress:
        assert progress.share == 0.0
