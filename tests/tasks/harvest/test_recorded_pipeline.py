"""A recorded harvest is played from harvest to training rows without an engine, bit for bit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.helpers import recording
from tests.helpers.recording import RECORDING, play
from tests.tasks.harvest.digests import DIGESTS


def test_the_recorded_harvest_gives_the_same_trees_and_rows(tmp_path: Path) -> None:
    assert play(tmp_path, RECORDING) == DIGESTS
    for name in ("sft.jsonl", "kto.jsonl", "dpo.jsonl"):
        assert (tmp_path / "datasets" / name).stat().st_size > 1000, "it holds rows"


def test_an_answer_that_was_not_recorded_is_a_fault_at_once(tmp_path: Path) -> None:
    lines = RECORDING.read_text(encoding="utf-8").splitlines(keepends=True)
    short = tmp_path / "short.jsonl"
    short.write_text("".join(lines[:-1]), encoding="utf-8")
    with pytest.raises(OSError, match="the engine failed in 1 of 3 dialogues"):
        play(tmp_path / "out", short)


def test_a_search_that_is_done_is_kept_until_all_are(tmp_path: Path) -> None:
    strange = replace(recording.SEARCH, seed=99)
    two = replace(recording.HARVEST, searches={"josh": recording.SEARCH, "other": strange})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recording, "HARVEST", two)
        with pytest.raises(OSError, match="other: the engine failed in 3 of 3 dialogues"):
            play(tmp_path, RECORDING)
    journals = (tmp_path / "work").glob("*.jsonl")
    first = max(journals, key=lambda path: path.stat().st_size)
    assert len(first.read_bytes().splitlines()) > 50, "the answers that the first search was given"
