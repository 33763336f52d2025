"""The journal of a whole harvest, for the tests of what is left of one."""

from __future__ import annotations

import pytest

from josh.harvesting.journal import Journal
from josh.tree.tree_json import to_bytes
from tests.helpers.fakes import Luck
from tests.josh.harvesting.journals import KEY, run


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, list[bytes]]:
    """The journal of a harvest nobody killed, and its trees."""
    folder, policy = tmp_path_factory.mktemp("whole"), Luck()
    trees = [to_bytes(tree) for tree in run(folder, policy)]
    with Journal(folder, KEY) as journal:
        assert journal.earlier > len(policy.asked) > 40
    return (folder / f"{KEY}.jsonl").read_bytes(), trees
