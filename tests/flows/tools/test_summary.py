"""The table at the end says what the report says, and says where a figure is missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flows.tools import summary


def estimate(value: float | None) -> dict[str, Any]:
    low, high = (None, None) if value is None else (value - 0.1, value + 0.1)
    return {"value": value, "low": low, "high": high, "scenarios": 9}


RECORD = {
    "arms": {
        "base": {"test": {"reward": estimate(0.3), "success": estimate(None), "dialogues": 60}},
        "r1/kto": {"test": {"reward": estimate(0.5), "success": estimate(0.2), "dialogues": 60}},
    },
    "comparisons": {"r1/kto": {"test": {"reward": {"estimate": estimate(0.2)}}}},
    "rounds": {
        "r1": {"candidate": "kto", "decision": "promoted", "reason": "gain in reward"},
        "r2": {"candidate": "kto", "decision": "kept back", "reason": "a loss"},
        "r3": {"stopped": {"round": "r2", "reason": "kto is kept back: a loss"}},
    },
    "policy": "r1/kto",
}


def test_every_policy_has_its_row() -> None:
    lines = summary.summary(RECORD).splitlines()
    assert lines[2].split() == ["base", "0.300", "[0.200,", "0.400]", "not", "scored"]
    assert lines[3].endswith("0.200 [0.100, 0.300]  +0.200 [+0.100, +0.300]")
    assert "r1: kto is promoted: gain in reward" in lines
    assert "r2: kto is kept back: a loss" in lines
    assert "r3: not run, the rounds stopped in r2" in lines
    assert "Policy in the end: r1/kto" in lines


def test_a_base_that_no_round_improved_is_said_to_stand() -> None:
    rounds = {"r1": {"candidate": "kto", "decision": "kept back", "reason": "a loss"}}
    told = {**RECORD, "rounds": rounds, "policy": "base"}
    assert "Policy in the end: base (no round improved it)" in summary.summary(told)
    assert "* r1: kto is kept back: a loss" in summary.markdown(told)


def test_a_run_of_few_scenarios_says_that_its_figures_mean_nothing() -> None:
    assert "mean nothing" not in summary.summary(RECORD)
    few = {"base": {"test": {**RECORD["arms"]["base"]["test"], "dialogues": 10}}}
    told = {**RECORD, "arms": few}
    said = "Of 10 test scenarios: at this size the figures mean nothing (`make repro SIZE=full`)"
    assert said in summary.summary(told).splitlines()
    assert f"* {said}" in summary.markdown(told)


def test_without_a_report_it_says_what_to_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert summary.main() == 1
    assert "run `dvc repro`" in capsys.readouterr().err
