"""The gate lets a sound corpus through, and names the rows of one that is not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import flows  # noqa: F401 - switches usage reports off before Great Expectations is imported
from tasks.validate.job import (
    InvalidCorpusError,
    ValidateConfig,
    Verdict,
    require_valid,
    to_record,
    validate_corpus,
)
from toolwoz.corpus.multiwoz import CorpusError
from toolwoz.corpus.synthetic import write_corpus

CONFIG = ValidateConfig(max_rows=2)


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    folder = tmp_path / "raw"
    folder.mkdir()
    write_corpus(folder, seed=1, train=12, val=6, test=6)
    return folder


def edit(path: Path, change: Callable[[Any], None]) -> None:
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))


def failed(verdict: Verdict) -> set[tuple[str, str]]:
    return {(check.severity, check.column) for check in verdict.checks if not check.success}


@pytest.mark.slow
def test_a_sound_corpus_passes_and_has_its_pages(raw: Path, tmp_path: Path) -> None:
    verdict = validate_corpus(CONFIG, raw, tmp_path / "docs")
    require_valid(verdict)
    found = to_record(verdict)
    assert found["dialogues"] == {"train": 12, "val": 6, "test": 6}
    assert found["failed"] == {"critical": 0, "warning": 0}
    assert found["expectations"] == len(verdict.checks) >= 12
    assert "dialogues" in (tmp_path / "docs" / "index.html").read_text()
    for page in (tmp_path / "docs" / "validations").rglob("*.html"):
        assert "the same without one" in page.read_text(), "the style that needs no network"


def test_bad_rows_are_named_and_stop_the_pipeline(raw: Path, tmp_path: Path) -> None:
    def break_goals(dialogues: dict[str, Any]) -> None:
        for name in list(dialogues)[:3]:
            dialogues[name]["goal"]["hotel"] = {"info": {"sauna": "yes"}}

    edit(raw / "data.json", break_goals)
    edit(raw / "train_db.json", lambda rows: rows[7].update(leaveAt="soon"))
    edit(raw / "hotel_db.json", lambda rows: rows.append(rows[0]))
    verdict = validate_corpus(CONFIG, raw, tmp_path / "docs")
    assert failed(verdict) == {
        ("critical", "slot"),
        ("critical", "times"),
        ("critical", "domain + identity"),
    }
    with pytest.raises(InvalidCorpusError) as stopped:
        require_valid(verdict)
    message = str(stopped.value)
    assert "slot hotel.sauna" in message
    assert "and 1 more" in message  # three rows, of which two are shown
    assert "row train_db[7]" in message
    assert "row hotel_db[0]" in message


def test_a_split_without_dialogues_stops_the_pipeline(raw: Path, tmp_path: Path) -> None:
    (raw / "valListFile.txt").write_text("")
    with pytest.raises(InvalidCorpusError, match=r"dialogues.split: .*: there is no val"):
        require_valid(validate_corpus(CONFIG, raw, tmp_path / "docs"))


def test_a_warning_does_not_stop_the_pipeline(raw: Path, tmp_path: Path) -> None:
    def blur(dialogues: dict[str, Any]) -> None:
        next(iter(dialogues.values()))["log"][0]["text"] = "a \ufffd table"

    edit(raw / "data.json", blur)
    verdict = validate_corpus(CONFIG, raw, tmp_path / "docs")
    assert failed(verdict) == {("warning", "broken_turns")}
    require_valid(verdict)


def test_a_corrupt_dialogue_is_named(raw: Path, tmp_path: Path) -> None:
    edit(raw / "data.json", lambda dialogues: next(iter(dialogues.values())).pop("log"))
    with pytest.raises(CorpusError, match=r"data.json: dialogue \w+(\.json)? is corrupt"):
        validate_corpus(CONFIG, raw, tmp_path / "docs")
