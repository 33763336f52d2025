"""One finished run of the toy pipeline, for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers import toy


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory, migrated_store: Path) -> Iterator[toy.Whole]:
    """A run that was left alone, whose engine still answers; copy it to change anything."""
    with toy.engine(tmp_path_factory.mktemp("engine")) as engine:
        root = tmp_path_factory.mktemp("whole")
        toy.make(root, engine.url)
        toy.give_store(root, migrated_store)
        seconds = toy.left_alone(root)
        assert toy.say(root, "status") == toy.CLEAN
        yield toy.Whole(root, seconds, toy.results(root))
