"""A mistake in an environment is a fault that names the broken promise, not a wrong score."""

from __future__ import annotations

import asyncio
import copy
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import pytest

from josh.search.config import JoshConfig
from josh.search.search import explore
from josh.tree.tree import Tree
from tests.helpers.fakes import FakeEpisode, FakeStep, Message, Script


@dataclass
class Shallow(FakeEpisode):
    """A fork shares the list of messages."""

    def fork(self) -> Self:
        return copy.copy(self)


@dataclass
class Itself(FakeEpisode):
    """A fork is no copy at all."""

    def fork(self) -> Self:
        return self


class Changed(FakeEpisode):
    """An episode whose steps go wrong in one way."""

    async def step(self, message: Message) -> Any:
        return self.change(await super().step(message))

    def change(self, step: FakeStep) -> Any:
        raise NotImplementedError


def changed(change: Callable[[FakeEpisode, FakeStep], Any]) -> type[FakeEpisode]:
    return type("Wrong", (Changed,), {"change": change})


def forget(episode: FakeEpisode, step: FakeStep) -> FakeStep:
    del episode.messages[-1]
    return step


def forget_the_first(episode: FakeEpisode, step: FakeStep) -> FakeStep:
    del episode.messages[0]
    return step


def spend(episode: FakeEpisode, step: FakeStep) -> FakeStep:
    episode.goals -= step.earned
    return step


def silent(episode: FakeEpisode, step: FakeStep) -> FakeStep:
    """Tool calls are not answered, and the history says so too."""
    if step.messages and step.messages[0]["role"] == "tool":
        episode.messages = episode.messages[: -len(step.messages)]
        return replace(step, messages=[])
    return step


MISTAKES: Sequence[tuple[type[FakeEpisode], str]] = [
    (Shallow, r"Episode\.fork .*a step of the fork changed its origin's history"),
    (Itself, r"Episode\.fork .*a step of the fork changed its origin's history"),
    (changed(lambda _, step: replace(step, earned={"c"})), r"Step\.earned .*c is not in .*: a, b"),
    (changed(lambda _, step: replace(step, earned={"a"})), r"Step\.earned .*a was earned before"),
    (
        changed(lambda _, step: replace(step, earned=list(step.earned))),
        r"Step\.earned .* not a set",
    ),
    (changed(lambda _, step: replace(step, earned="a")), r"Step\.earned .*'a' is not a set"),
    (changed(lambda _, step: replace(step, earned={1})), r"Step\.earned .*\{1\} is not a set"),
    (changed(lambda _, step: replace(step, done=None)), r"Step\.done .*None is not a bool"),
    (changed(lambda _, step: replace(step, messages="hi")), r"Step\.messages .*'hi' is not a"),
    (
        changed(lambda _, step: replace(step, messages=["hi"])),
        r"Step\.messages .*\['hi'\] is not a",
    ),
    (changed(lambda _, _step: None), r"Episode\.step .*returned NoneType, not a Step"),
    (changed(lambda _, step: step.messages), r"Episode\.step .*returned list, not a Step"),
    (changed(forget), r"Episode\.messages .*must append its message and the 1 of its answer"),
    (changed(forget_the_first), r"Episode\.messages .*change nothing before; 2 messages became 3"),
    (changed(spend), r"Episode\.goals .*every goal, reached or not"),
    (changed(silent), r"Step\.messages .*1 tool calls answered by messages of the roles \[\]"),
]


def played(episode: FakeEpisode) -> Tree:
    moves = {"0": ["+a", "got a"], "1": ["+x"], "0.0": ["+b", "+a"]}
    return asyncio.run(explore("s", episode, Script(moves), JoshConfig(turns=4)))


def test_without_a_mistake_there_is_no_fault() -> None:
    tree = played(FakeEpisode(frozenset("ab")))
    assert (tree.error, tree.reward) == (None, 1.0)


@pytest.mark.parametrize(("kind", "says"), MISTAKES, ids=[says[:30] for _, says in MISTAKES])
def test_a_mistake_is_a_fault_that_names_the_promise(kind: type[FakeEpisode], says: str) -> None:
    tree = played(kind(frozenset("ab")))
    assert tree.error is not None
    assert re.match(r"s [\d.]+:\d: world: BrokenPromise: ", tree.error), "where it was seen"
    assert "(dialogue/protocols.py)" in tree.error
    assert re.search(says, tree.error), tree.error
    assert tree.bad == set(), "and nothing is labelled"
