"""A killed harvest goes on where it stopped, asks nothing twice, and ends in the same bytes."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialogue.records import RecordError, unseal
from dialogue.seeds import call_seed
from josh.harvesting.journal import Journal, journal_key
from josh.search.config import JoshConfig
from josh.tree.store import read_trees
from josh.tree.tree_json import to_bytes
from tests.helpers import forked
from tests.helpers.fakes import FakeEpisode, Luck, Message
from tests.josh.harvesting import killed
from tests.josh.harvesting.journals import CONFIG, KEY, SCENARIOS, run, start


def answered(journal: bytes) -> set[int]:
    """Seeds of the model calls whose answers a journal holds whole."""
    whole = journal[: journal.rfind(b"\n") + 1]
    records = [unseal(line) for line in whole.splitlines(True)[1:]]
    return {
        call_seed(CONFIG.seed, record["scenario"], record["place"])
        for record in records
        if "said" in record["answer"]
    }


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_journal_cut_at_any_byte_resumes(whole: tuple[bytes, list[bytes]], data: Any) -> None:
    journal, trees = whole
    left = journal[: data.draw(st.integers(0, len(journal)))]
    with TemporaryDirectory() as name:
        folder, policy = Path(name), Luck()
        (folder / f"{KEY}.jsonl").write_bytes(left)
        assert [to_bytes(tree) for tree in run(folder, policy)] == trees
        assert not answered(left) & set(policy.asked), "no finished model call is repeated"
        assert answered((folder / f"{KEY}.jsonl").read_bytes()) == answered(journal)


def test_a_finished_harvest_asks_nothing(whole: tuple[bytes, list[bytes]], tmp_path: Path) -> None:
    (tmp_path / f"{KEY}.jsonl").write_bytes(whole[0])
    policy = Luck()
    assert [to_bytes(tree) for tree in run(tmp_path, policy)] == whole[1]
    assert policy.asked == []
    assert (tmp_path / f"{KEY}.jsonl").read_bytes() == whole[0]


def test_a_fault_is_asked_again(whole: tuple[bytes, list[bytes]], tmp_path: Path) -> None:
    trees = run(tmp_path, Luck(failing=5))
    assert any(tree.error for tree in trees)
    assert [to_bytes(tree) for tree in run(tmp_path, Luck())] == whole[1]


def test_a_changed_parameter_starts_a_new_journal() -> None:
    keys = {  # and a key is the name of a file
        KEY,
        journal_key(JoshConfig(beam=4, turns=4), SCENARIOS, policy="luck"),
        journal_key(CONFIG, SCENARIOS[:2], policy="luck"),
        journal_key(CONFIG, SCENARIOS, policy="skill"),
        journal_key(CONFIG, SCENARIOS, policy="luck", user={"temperature": 0.7}),
    }
    assert len(keys) == 5
    assert journal_key(CONFIG, list(SCENARIOS), policy="luck") == KEY


def test_a_journal_under_another_name_is_refused(tmp_path: Path) -> None:
    run(tmp_path, Luck())
    (tmp_path / f"{KEY}.jsonl").rename(tmp_path / "other.jsonl")
    with pytest.raises(RecordError, match="belongs to another run"):
        Journal(tmp_path, "other")


class Moody(FakeEpisode):
    """Its user answers with other words each time."""

    def _speech(self, message: Message) -> Any:
        step = super()._speech(message)
        for reply in step.messages:
            reply["content"] = str(random.random())
        return step


class Recalling(Moody):
    """And it can be told what was said."""

    def replay(self, message: Message, answer: Any) -> None:
        self.messages += [message, *answer.messages]
        self.reached |= answer.earned
        self.done = answer.done


def test_a_user_is_not_asked_twice(tmp_path: Path) -> None:
    async def start_recalling(_scenario: str, _opening: Any) -> Recalling:
        return Recalling(frozenset("abc"))

    first = run(tmp_path, Luck(), start_recalling)
    assert [to_bytes(t) for t in run(tmp_path, Luck(), start_recalling)] == [
        to_bytes(t) for t in first
    ]


def test_a_user_who_changes_his_words_is_a_fault(tmp_path: Path) -> None:
    async def start_moody(_scenario: str, _opening: Any) -> Moody:
        return Moody(frozenset("abc"))

    assert all(tree.error is None for tree in run(tmp_path, Luck(), start_moody))
    errors = [tree.error for tree in run(tmp_path, Luck(), start_moody)]
    assert all(error and "answers otherwise than in the killed run" in error for error in errors)


def test_an_opening_is_given_back(tmp_path: Path) -> None:
    async def opens(_scenario: str, opening: Sequence[Message] | None) -> FakeEpisode:
        words = [{"role": "user", "content": str(random.random())}]
        return FakeEpisode(frozenset("abc"), list(opening or words))

    first = run(tmp_path, Luck(), opens)
    assert [tree.messages for tree in run(tmp_path, Luck(), opens)] == [t.messages for t in first]
    errors = [tree.error for tree in run(tmp_path, Luck(), start)]
    assert all(error and "opens otherwise" in error for error in errors)


KILLS = 100


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_killed_a_hundred_times(tmp_path: Path) -> None:
    process, _up = forked.start(killed.main, tmp_path / "whole")
    process.join()
    expected = (tmp_path / "whole/trees.jsonl").read_bytes()
    assert len(list(read_trees(tmp_path / "whole/trees.jsonl"))) > 10
    chance, kills, harvests = random.Random(0), 0, 0
    while kills < KILLS:
        folder = tmp_path / str(harvests)
        while not (folder / "trees.jsonl").exists():
            before = _answers(folder)
            process, up = forked.start(killed.main, folder)
            up.recv()  # from here on any moment will do
            process.join(chance.uniform(0, 0.1) if kills < KILLS else 60)
            if process.is_alive():
                process.kill()
                kills += 1
            process.join()
            asked = (folder / "asked").read_text().split() if (folder / "asked").exists() else []
            assert not before & set(map(int, asked)), "a finished model call was repeated"
            (folder / "asked").unlink(missing_ok=True)
        assert (folder / "trees.jsonl").read_bytes() == expected
        harvests += 1


def _answers(folder: Path) -> set[int]:
    seeds: set[int] = set()
    for path in folder.glob("*.jsonl"):
        seeds |= answered(path.read_bytes())
    return seeds
