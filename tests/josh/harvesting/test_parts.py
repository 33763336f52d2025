"""A journal goes from one process to several and back, and no answer is lost or asked for again."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from dialogue.records import RecordError
from josh.harvesting.journal import Journal, journal_path
from josh.harvesting.parts import regroup
from josh.harvesting.scheduler import harvest_all
from josh.tree.tree import Tree
from josh.tree.tree_json import to_bytes
from tests.helpers.fakes import Luck
from tests.josh.harvesting.journals import CONFIG, KEY, SCENARIOS, run, start


def explore(folder: Path, part: str, scenarios: tuple[str, ...], policy: Luck) -> list[Tree]:
    async def all_trees() -> list[Tree]:
        with Journal(folder, KEY, part) as journal:
            trees = harvest_all(scenarios, start, policy, CONFIG, journal=journal)
            return [tree async for tree in trees]

    return asyncio.run(all_trees())


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_harvest_that_one_began_is_finished_by_two_and_read_by_one(tmp_path: Path) -> None:
    policy = Luck()
    whole = [to_bytes(tree) for tree in run(tmp_path / "alone", policy)]
    explore(tmp_path, "", SCENARIOS[:2], first := Luck())

    parts = dict(zip(SCENARIOS, ("a", "b", "b"), strict=True))
    regroup(tmp_path, KEY, parts)
    assert files(tmp_path) == sorted(["alone", f"{KEY}.a.jsonl", f"{KEY}.b.jsonl"])
    trees = explore(tmp_path, "a", SCENARIOS[:1], second := Luck())
    trees += explore(tmp_path, "b", SCENARIOS[1:], second)
    assert [to_bytes(tree) for tree in trees] == whole
    assert sorted(first.asked + second.asked) == sorted(policy.asked)

    regroup(tmp_path, KEY, dict.fromkeys(SCENARIOS, ""))
    assert files(tmp_path) == sorted(["alone", f"{KEY}.jsonl"])
    trees = explore(tmp_path, "", SCENARIOS, nobody := Luck())
    assert ([to_bytes(tree) for tree in trees], nobody.asked) == (whole, [])


def test_regrouping_that_was_killed_is_done_again(tmp_path: Path) -> None:
    run(tmp_path, Luck())
    old = journal_path(tmp_path, KEY)
    before, parts = old.read_bytes(), dict(zip(SCENARIOS, "abb", strict=True))
    regroup(tmp_path, KEY, parts)
    after = [journal_path(tmp_path, KEY, part).read_bytes() for part in "ab"]
    old.write_bytes(before)  # as if killed before the old file was gone
    regroup(tmp_path, KEY, parts)
    assert [journal_path(tmp_path, KEY, part).read_bytes() for part in "ab"] == after
    assert not old.exists()


def test_what_is_still_being_written_is_not_taken(tmp_path: Path) -> None:
    with Journal(tmp_path, KEY, "1-of-2"), pytest.raises(RecordError, match="another process"):
        regroup(tmp_path, KEY, dict.fromkeys(SCENARIOS, ""))
