"""The parts of a list are the list."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.shards import shards


@given(st.integers(0, 40), st.integers(1, 9))
def test_the_parts_are_the_list_and_of_one_size(length: int, count: int) -> None:
    parts = [shard.of(range(length)) for shard in shards(count)]
    assert [item for part in parts for item in part] == list(range(length))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
