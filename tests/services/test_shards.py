"""The parts of a list are the list, and each keeps to endpoints of its own."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.engines import EngineSettings
from services.shards import WHOLE, Shard, shards


@given(st.integers(0, 40), st.integers(1, 9))
def test_the_parts_are_the_list_and_of_one_size(length: int, count: int) -> None:
    parts = [shard.of(range(length)) for shard in shards(count)]
    assert [item for part in parts for item in part] == list(range(length))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def urls(shard: Shard, count: int, attempt: int = 0) -> str:
    engine = EngineSettings("endpoint", urls=tuple("abcdefgh"[:count]))
    return "".join(shard.endpoints(engine, attempt).urls)


def test_endpoints_are_shared_out() -> None:
    assert urls(WHOLE, 3) == "abc"
    assert [urls(shard, 5) for shard in shards(2)] == ["ace", "bd"]
    assert [urls(shard, 2) for shard in shards(4)] == ["a", "b", "a", "b"]


def test_a_shard_that_failed_goes_elsewhere() -> None:
    assert [urls(Shard(1, 4), 3, attempt) for attempt in range(4)] == ["b", "c", "a", "b"]
    assert Shard(1, 4).endpoints(EngineSettings("vllm"), 1) == EngineSettings("vllm")
