"""Plot data of the search curve: reward found and tokens spent, by turn of the agent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from josh.tree.tree import Tree
from services import plot_table

COLUMNS = ("search", "turn", "tokens", "reward")


class Point(NamedTuple):
    """A point of the curve: means over dialogues.

    Attributes:
        turn: Number of agent's turns so far; 0 is before the first.
        tokens: Number of tokens written in all branches up to this turn.
        reward: Share of the goals that the best branch had reached by this turn, 0 to 1.
    """

    turn: int
    tokens: float
    reward: float


def write(path: Path, searches: Mapping[str, Iterable[Tree]]) -> None:
    """The curve of every search."""
    rows = (
        {"search": name, **point._asdict()}
        for name, trees in searches.items()
        for point in curve(trees)
    )
    plot_table.write(path, COLUMNS, rows)


def curve(trees: Iterable[Tree]) -> list[Point]:
    """One point per turn, up to the last turn of the longest dialogue."""
    profiles = [list(profile(tree)) for tree in trees]
    last = max(map(len, profiles), default=0)
    # An ended dialogue keeps its last values.
    full = [own + own[-1:] * (last - len(own)) for own in profiles]
    return [
        Point(
            turn,
            round(sum(tokens for tokens, _ in at) / len(at), 1),
            round(sum(reward for _, reward in at) / len(at), 4),
        )
        for turn, at in enumerate(zip(*full, strict=True))
    ]


def profile(tree: Tree) -> Iterator[tuple[int, float]]:
    """Tokens and reward of one dialogue after 0 turns, 1 turn, and so on."""
    depths: list[int] = []
    earned: list[frozenset[str]] = []
    tokens: dict[int, int] = {0: 0}
    best: dict[int, int] = {0: 0}
    for node in tree.nodes:
        above = node.parent
        depth = 1 if above is None else depths[above] + 1
        own = node.earned | (frozenset() if above is None else earned[above])
        depths.append(depth)
        earned.append(own)
        tokens[depth] = tokens.get(depth, 0) + sum(call.completion_tokens for call in node.calls)
        best[depth] = max(best.get(depth, 0), len(own & tree.goals))
    spent, reached = 0, 0
    for depth in sorted(tokens):
        spent, reached = spent + tokens[depth], max(reached, best[depth])
        yield spent, reached / max(1, len(tree.goals))
