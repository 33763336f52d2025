"""A world on disk is the same world, and a file that is none is named."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from toolwoz.conversion.conversion import Conversion
from toolwoz.conversion.proof import prove
from toolwoz.world.rules import RULES, Limits
from toolwoz.world.scenario import Mode
from toolwoz.world.world import World


@pytest.mark.parametrize("mode", ["parity", "v2"])
def test_a_saved_world_answers_the_same(
    tiny: Mapping[Mode, Conversion], tmp_path: Path, mode: Mode
) -> None:
    world = tiny[mode].world
    world.save(tmp_path / "toolwoz")
    loaded = World.load(tmp_path / "toolwoz")
    assert (loaded.mode, loaded.tools, loaded.limits) == (mode, world.tools, RULES[mode].LIMITS)
    for scenario in tiny[mode].scenarios:
        assert prove(loaded, scenario) == prove(world, scenario)
    assert sorted(p.name for p in (tmp_path / "toolwoz").iterdir()) == [
        "database.json",
        "tools.json",
    ]


def test_knobs_are_given_on_loading(tiny: Mapping[Mode, Conversion], tmp_path: Path) -> None:
    tiny["v2"].world.save(tmp_path)
    world = World.load(tmp_path, limits=Limits(4, 1, 1), max_results=1)
    assert world.limits.messages == 4
    scenario = tiny["v2"].scenarios[0]
    answer = json.loads(world.answer(scenario, "search_restaurant", "{}", seed=0).content)
    assert (answer["count"], len(answer["results"])) == (6, 1)
    more = replace(world, max_results=2).answer(scenario, "search_restaurant", "{}", seed=0)
    assert len(json.loads(more.content)["results"]) == 2


def test_a_folder_that_is_no_world_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"tools\.json"):
        World.load(tmp_path)
    (tmp_path / "tools.json").write_text('{"mode": "v2"}')
    with pytest.raises(ValueError, match=r"tools\.json is not a tools file: KeyError\('tools'\)"):
        World.load(tmp_path)
    (tmp_path / "tools.json").write_text('{"mode": "v3", "tools": []}')
    with pytest.raises(ValueError, match=r"tools\.json is not a tools file: KeyError\('v3'\)"):
        World.load(tmp_path)
