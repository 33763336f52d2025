"""Records of the tokens that were sampled for the answers of a training row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from josh.tree.tree import Tree

Tokens = tuple[int, ...]


class TokenRecords:
    """The sampled tokens of the trees that pass through :meth:`watch`."""

    def __init__(self) -> None:
        self._trees: dict[str, list[tuple[int | None, list[Tokens]]]] = {}
        self._given: dict[str, int] = {}

    def watch(self, trees: Iterable[Tree]) -> Iterator[Tree]:
        """SearchSummary the same trees, and record the tokens of each."""
        for tree in trees:
            self._trees[tree.scenario] = [
                (node.parent, [call.token_ids for call in node.calls]) for node in tree.nodes
            ]
            self._given[tree.scenario] = _answers(tree.messages)
            yield tree

    def of(self, row: Mapping[str, Any]) -> list[Tokens]:
        """Token ids of every answer that the row trains, in order.

        A pair has two answers, chosen and rejected. The ids are empty if the engine gave none.
        """
        scenario = row["scenario"]
        given = self._given[scenario]
        if "messages" in row:
            return self._path(scenario, row["node"])[: _answers(row["messages"]) - given]
        position = _answers(row["prompt"]) - given
        nodes = [row["node"], *([row["rejected_node"]] if "rejected_node" in row else [])]
        return [self._path(scenario, node)[position] for node in nodes]

    def _path(self, scenario: str, node: int | None) -> list[Tokens]:
        """The tokens of the answers from the root down to a node."""
        upwards: list[list[Tokens]] = []
        while node is not None:
            parent, samples = self._trees[scenario][node]
            upwards.append(samples)
            node = parent
        return [sample for samples in reversed(upwards) for sample in samples]


def _answers(messages: Iterable[Mapping[str, Any]]) -> int:
    return sum(message["role"] == "assistant" for message in messages)
