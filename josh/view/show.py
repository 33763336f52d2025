"""Trees as text for a terminal: a list of many, one drawn tree, or the dialogue of one node."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from dialogue.messages import is_error
from dialogue.protocols import Message
from josh.tree.node import Node
from josh.tree.tree import Tree

PLAIN = dict.fromkeys(("golden", "bad", "dim", "end"), "")
COLOURS = {"golden": "\033[1;33m", "bad": "\033[31m", "dim": "\033[2m", "end": "\033[0m"}
WIDTH = 100


def list_trees(trees: Iterable[Tree]) -> Iterator[str]:
    """One line per tree: its reward, golden path and size."""
    yield f"{'scenario':<24} {'reward':>7} {'golden':>7} {'nodes':>6} {'bad':>5} {'tokens':>8}"
    for tree in trees:
        yield (
            f"{tree.scenario:<24} {tree.reward:>7.2f} {len(tree.golden_path):>7} "
            f"{len(tree.nodes):>6} {len(tree.bad):>5} {tree.completion_tokens:>8}" + fault(tree)
        )


def draw(tree: Tree, colours: dict[str, str] = PLAIN) -> Iterator[str]:
    """A tree, one line per node: its name, goals earned, calls and speech."""
    reached = tree.earned(tree.golden_leaf)
    goals = "  ".join(f"{'✓' if goal in reached else '·'} {goal}" for goal in sorted(tree.goals))
    yield f"{tree.scenario}  reward {tree.reward:.2f}  {goals}{fault(tree)}"
    yield from (summary(message) for message in tree.messages if message["role"] == "user")
    golden = set(tree.golden_path)

    def branch(parent: int | None, indent: str) -> Iterator[str]:
        children = tree.children(parent)
        for index in children:
            last = index == children[-1]
            kind = "golden" if index in golden else "bad" if index in tree.bad else "dim"
            mark = {"golden": "★", "bad": "✗", "dim": "·"}[kind]
            text = f"{mark} {tree.name(index)}  {node_summary(tree.nodes[index])}"
            line = f"{indent}{'└─' if last else '├─'} {text}"[:WIDTH]
            yield f"{colours[kind]}{line}{colours['end']}"
            yield from branch(index, indent + ("   " if last else "│  "))

    yield from branch(None, "")


def node_summary(node: Node) -> str:
    """The goals a node earned and how it ended, then its calls and speech."""
    signs = [f"+{goal}" for goal in sorted(node.earned)]
    signs += [f"[{node.error or node.ended}]"] if node.error or node.ended else []
    return "  ".join([*signs, *map(summary, node.messages)])


def summary(message: Message) -> str:
    """A message on one line."""
    if message["role"] == "tool":
        return "→ error" if is_error(message) else "→"
    calls = [
        f"{call['function']['name']}({call['function']['arguments']})"
        for call in message.get("tool_calls") or ()
    ]
    said = " ".join(str(message.get("content") or "").split())
    quoted = [f"{'user: ' if message['role'] == 'user' else ''}“{said}”"] if said else []
    return " ".join([*quoted, *calls])


def read_node(tree: Tree, index: int) -> Iterator[str]:
    """The whole dialogue down to a node, and how its messages were sampled."""
    for message in tree.history(index):
        yield f"── {message['role']}"
        if message.get("content"):
            yield str(message["content"])
        for call in message.get("tool_calls") or ():
            yield f"{call['function']['name']} {call['function']['arguments']}"
    for number, call in enumerate(tree.nodes[index].calls):
        yield f"── call {number}: {json.dumps(call.to_json())}"


def find_node(tree: Tree, name: str) -> int:
    """The node of a name such as "0.1.1".

    Raises:
        KeyError: there is none; the message names the nearest that is.
    """
    steps = [int(step) for step in name.split(".") if step.isdecimal()]
    found: list[int] = []
    for step in steps:
        children = tree.children(found[-1] if found else None)
        if step >= len(children):
            break
        found.append(children[step])
    if len(found) != name.count(".") + 1:
        nearest = tree.name(found[-1]) if found else "the root"
        raise KeyError(f"{tree.scenario} has no node {name}; the nearest is {nearest}")
    return found[-1]


def fault(tree: Tree) -> str:
    return f"  FAULT {tree.error}" if tree.error else ""
