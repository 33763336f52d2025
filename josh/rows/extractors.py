"""Extractors: generators of training rows from one tree, one extractor for each loss.

Rows are in TRL's conversational format, with tools as JSON text, their scenario and node, and a
``flaw`` if they should not be trained on; ``josh.rows.curation`` drops those, and counts them.

One assistant message is one completion. A whole agent turn (call, answer, call, speech) would put
the tool's answers inside a preference loss, where TRL does not mask them. Only ``sft``,
``rejection_sampled`` and ``unfiltered`` give whole dialogues, for a loss on the assistant's tokens.

A tree that met a fault gives no rows: run the harvest again, and it goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from dialogue.messages import is_silent, meaning
from josh.rows.advantages import node_advantages
from josh.rows.examples import Example, examples, prompt_key
from josh.tree.tree import Tree

Row = dict[str, Any]
Extractor = Callable[[Tree], Iterator[Row]]


def sft(tree: Tree) -> Iterator[Row]:
    """The golden path as one dialogue, for a loss on the assistant's tokens.

    For rollouts this is best-of-n: the best dialogue, if it reached any goal.
    """
    if tree.golden_leaf is not None and not tree.error:
        yield _dialogue(tree, tree.golden_leaf)


def kto(tree: Tree, *, paired: bool = False) -> Iterator[Row]:
    """Good: messages of the golden path. Bad: messages of the tree's bad nodes.

    Args:
        tree: The tree they are taken from.
        paired: Whether a bad message is kept only where a good one has the same prompt, as in the
            paper's data: the message that left the golden path, and none after it.
    """
    prompts = set()
    for example in _golden(tree):
        if not example.flaw_as_good:
            prompts.add(prompt_key(example.prompt))
        yield _row(tree, example, example.flaw_as_good, completion=[example.message], label=True)
    for index in sorted(tree.bad) if tree.golden_leaf is not None and not tree.error else ():
        for example in examples(tree, index):
            if not paired or prompt_key(example.prompt) in prompts:
                yield _row(tree, example, example.flaw, completion=[example.message], label=False)


def dpo(tree: Tree, *, speech: bool = True) -> Iterator[Row]:
    """Pairs of messages for one prompt: the golden path's, and the first that left it.

    Args:
        tree: The tree they are taken from.
        speech: Whether speech is paired with speech too. Rewards look at calls, so it is often
            luck which of two sentences stood in the branch that won.
    """
    golden, seen = list(_golden(tree)), set()
    for leaf in tree.leaves:
        if leaf not in tree.bad or not golden:
            continue
        losing = [example for index in tree.path(leaf) for example in examples(tree, index)]
        pair = _divergence(golden, losing)
        if pair is None or pair.rejected.node not in tree.bad:
            continue
        both = (prompt_key(pair.chosen.prompt), meaning(pair.rejected.message))
        calls = pair.chosen.message.get("tool_calls") or pair.rejected.message.get("tool_calls")
        if both not in seen and (speech or calls):
            seen.add(both)
            yield _row(
                tree,
                pair.chosen,
                pair.chosen.flaw_as_good or pair.rejected.flaw,
                chosen=[pair.chosen.message],
                rejected=[pair.rejected.message],
                rejected_node=pair.rejected.node,
            )


class Pair(NamedTuple):
    """A message of the golden path, and one that was written in its place."""

    chosen: Example
    rejected: Example


def _divergence(golden: Sequence[Example], losing: Sequence[Example]) -> Pair | None:
    """The first point where two paths differ, if it was the agent who made the difference."""
    for chosen, rejected in zip(golden, losing, strict=False):
        if meaning(chosen.message) != meaning(rejected.message):
            same = prompt_key(chosen.prompt) == prompt_key(rejected.prompt)
            return Pair(chosen, rejected) if same else None
    return None


def steps(tree: Tree) -> Iterator[Row]:
    """Every assistant message, with the advantage of its node over its siblings."""
    advantages = [] if tree.error else node_advantages(tree)
    for index, advantage in enumerate(advantages):
        if advantage is not None:
            for example in examples(tree, index):
                flaw = example.flaw_as_good if advantage > 0 else example.flaw
                completion = [example.message]
                yield _row(tree, example, flaw, completion=completion, advantage=advantage)


def rejection_sampled(tree: Tree) -> Iterator[Row]:
    """Every rollout that reached all goals."""
    return (_dialogue(tree, leaf) for leaf in _finished(tree) if tree.earned(leaf) >= tree.goals)


def unfiltered(tree: Tree) -> Iterator[Row]:
    """Every rollout whatever it earned: the control that shows what selection is worth."""
    return (_dialogue(tree, leaf) for leaf in _finished(tree))


EXTRACTORS: Mapping[str, Extractor] = {
    "sft": sft,
    "kto": kto,
    "kto_paired": partial(kto, paired=True),
    "dpo": dpo,
    "dpo_calls": partial(dpo, speech=False),
    "steps": steps,
    "rejection_sampled": rejection_sampled,
    "unfiltered": unfiltered,
}


def _golden(tree: Tree) -> Iterator[Example]:
    if not tree.error:
        for index in tree.golden_path:
            yield from examples(tree, index)


def _finished(tree: Tree) -> list[int]:
    return [leaf for leaf in tree.leaves if not tree.error and not tree.nodes[leaf].is_cut_short]


def _row(tree: Tree, example: Example, flaw: str | None, **columns: Any) -> Row:
    return {"prompt": example.prompt, **columns, **_origin(tree, example.node, flaw)}


def _dialogue(tree: Tree, leaf: int) -> Row:
    """A dialogue down to a leaf; it ends with the agent, as there is nothing to learn after."""
    messages = tree.history(leaf)
    while messages and messages[-1]["role"] != "assistant":
        messages.pop()
    calls = (call for index in tree.path(leaf) for call in tree.nodes[index].calls)
    if any(call.finish_reason == "length" for call in calls):
        flaw = "truncated"
    elif any(message["role"] == "assistant" and is_silent(message) for message in messages):
        flaw = "empty"
    else:
        flaw = None
    return {"messages": messages, **_origin(tree, leaf, flaw)}


def _origin(tree: Tree, node: int, flaw: str | None) -> Row:
    return {"tools": tree.tools_json, "scenario": tree.scenario, "node": node, "flaw": flaw}
