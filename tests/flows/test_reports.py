"""A report holds what the same work would find again, and no more."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from bench import cost
from flows import reports
from tasks.harvest.summary import SearchSummary


def test_times_are_not_in_what_dvc_hashes(tmp_path: Path) -> None:
    figures = {"reward": 0.5, "seconds": 12.3}
    reports.write(tmp_path / "r.json", {"seconds": 3, "josh": figures, "rows": [1]})
    assert json.loads((tmp_path / "r.json").read_text()) == {"josh": {"reward": 0.5}, "rows": [1]}


def test_a_report_is_written_and_its_figures_logged_by_dotted_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged = {}
    monkeypatch.setenv("WOZ_PREFECT", "off")
    monkeypatch.setattr(
        reports.tracking, "report", lambda found, step: logged.update({step: found})
    )
    record = {"josh": {"reward": 0.5, "seconds": 9.0, "gain": None}}
    reports.report(tmp_path / "a" / "r1.json", record, {"harvest": record}, step=2)
    names = {"harvest.josh.reward": 0.5, "harvest.josh.seconds": 9.0, "harvest.josh.gain": None}
    assert logged == {2: names}
    written = json.loads((tmp_path / "a" / "r1.json").read_text())
    assert written == {"josh": {"reward": 0.5, "gain": None}}


@pytest.mark.parametrize(
    ("options", "share", "read"), [([], None, 400), (["--cached", "0.75"], 0.75, 100)]
)
def test_the_cost_of_a_harvest_is_computed_from_its_finished_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], share: float, read: int
) -> None:
    found = SearchSummary(2, 0, 1, 1, 0.5, 9, 9, prompt_tokens=800, completion_tokens=60)
    reports.write(tmp_path / "r1.json", {"josh": asdict(found)})
    cost.main([str(tmp_path / "r1.json"), "--price", "3", *options])
    josh = json.loads(capsys.readouterr().out)["josh"]
    assert josh["cached_share"] == share
    assert (josh["written_tokens_a_dialogue"], josh["read_tokens_a_dialogue"]) == (30, read)
