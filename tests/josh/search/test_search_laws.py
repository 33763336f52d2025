"""Laws of every search, whatever its options."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.josh.search.found import search

MOVES = st.lists(
    st.sampled_from(["hm", "ho", "bye", "<", "!", "+a", "+b", "+ab", "+x"]), min_size=1, max_size=3
)
PATHS = st.lists(st.sampled_from("012"), min_size=1, max_size=4).map(".".join)


@settings(deadline=None)
@given(
    moves=st.dictionaries(PATHS, MOVES, max_size=12),
    config=st.fixed_dictionaries(
        {
            "beam": st.integers(1, 6),
            "turns": st.integers(1, 5),
            "all_rewards": st.booleans(),
            "best_leaf": st.booleans(),
            "refill": st.booleans(),
            "patience": st.integers(0, 3),
            "end_on_error": st.booleans(),
        }
    ),
)
def test_laws(moves: dict[str, list[str]], config: dict[str, Any]) -> None:
    found = search(moves, goals="ab", **config)
    tree = found.tree
    golden = set(tree.golden_path)
    assert not golden & tree.bad
    assert golden <= tree.fruitful
    assert not tree.bad & tree.inconclusive
    for index, node in enumerate(tree.nodes):
        assert node.parent is None or node.parent < index
        assert len(node.calls) == sum(m["role"] == "assistant" for m in node.messages)
        assert node.ended is None or not tree.children(index), "nothing grows from an ended node"
        for sibling in tree.children(node.parent):
            assert (index in tree.bad) <= (sibling in tree.bad | tree.inconclusive | tree.fruitful)
    assert max(found.leaves_by_depth(), default=0) <= config["beam"] * (
        config["turns"] if config["refill"] else 1
    )
