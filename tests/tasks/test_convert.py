"""The raw corpus becomes files that the world reads back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tasks.convert import ConvertConfig, ConvertError, convert_corpus
from tasks.fetch import FetchConfig, fetch_corpus
from toolwoz.corpus.sources import SyntheticConfig
from toolwoz.world.scenario import read_scenarios
from toolwoz.world.world import World

FETCH = FetchConfig("synthetic", SyntheticConfig(seed=2, train=12, val=6, test=6))


def test_a_fetched_corpus_is_converted(tmp_path: Path) -> None:
    fetched = fetch_corpus(FETCH, tmp_path / "raw")
    assert fetched.files == len(list((tmp_path / "raw").iterdir())) - 1  # SOURCE.json is no data
    report = convert_corpus(ConvertConfig("v2"), tmp_path / "raw", tmp_path / "toolwoz")
    scenarios = list(read_scenarios(tmp_path / "toolwoz" / "scenarios.jsonl"))
    assert report["source"] == "synthetic"
    assert sum(report["scenarios"].values()) == len(scenarios)
    assert sum(report["scenarios"].values()) + sum(report["dropped"].values()) == 24
    assert World.load(tmp_path / "toolwoz").mode == "v2"


def test_the_same_seed_makes_the_same_files(tmp_path: Path) -> None:
    for name in ("a", "b"):
        fetch_corpus(FETCH, tmp_path / name)
        convert_corpus(ConvertConfig("v2"), tmp_path / name, tmp_path / f"{name}-toolwoz")
    files = sorted(path.name for path in (tmp_path / "a-toolwoz").iterdir())
    assert "scenarios.jsonl" in files
    for file in files:
        a, b = tmp_path / "a-toolwoz" / file, tmp_path / "b-toolwoz" / file
        assert a.read_bytes() == b.read_bytes()


def test_a_split_without_scenarios_is_refused_with_the_reasons(tmp_path: Path) -> None:
    fetch_corpus(FETCH, tmp_path / "raw")
    data = json.loads((tmp_path / "raw" / "data.json").read_text())
    held_out = (tmp_path / "raw" / "valListFile.txt").read_text().split()
    for name, dialogue in data.items():
        if name.removesuffix(".json") in {line.removesuffix(".json") for line in held_out}:
            dialogue["goal"]["taxi"] = {"info": {"leaveAt": "10:00"}}
    (tmp_path / "raw" / "data.json").write_text(json.dumps(data))
    with pytest.raises(ConvertError, match=r"no scenario left in val; dropped were: .*taxi"):
        convert_corpus(ConvertConfig("v2"), tmp_path / "raw", tmp_path / "toolwoz")
