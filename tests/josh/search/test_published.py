"""Our search beside the published one, written anew as a plain loop in ``bench.published``."""

from __future__ import annotations

import asyncio

import pytest

from bench.emulated import Engine, Episode
from bench.published import search
from josh.search.config import JoshConfig
from josh.search.search import explore


@pytest.mark.parametrize("luck", [0, 100, 333])
def test_the_same_golden_paths_in_the_same_turns(luck: int) -> None:
    found = 0
    for number in range(8):
        theirs = search(f"s{number}", 0, luck)
        engine = Engine(luck=luck)
        tree = asyncio.run(explore(f"s{number}", Episode(), engine, JoshConfig()))
        golden = None if tree.golden_leaf is None else tree.name(tree.golden_leaf)
        assert (golden, len(tree.nodes)) == (theirs.golden, theirs.turns)
        found += golden is not None
    assert found == 0 if luck == 0 else found > 4
