"""A damaged journal gives the same trees, or one line with the mend."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialogue.records import RecordError, seal, unseal
from josh.tree.tree_json import to_bytes
from tests.helpers.fakes import Luck
from tests.josh.harvesting.journals import KEY, SCENARIOS, run

PUT_IN = [b"", b"\n", b"\0" * 9, b"7", b'"', b"\xff", b"[" * 3000]
Spoil = Callable[[dict[str, Any]], object]


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_bytes_flipped_cut_out_or_put_in_change_no_tree(
    whole: tuple[bytes, list[bytes]], data: Any
) -> None:
    journal, trees = bytearray(whole[0]), whole[1]
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(journal) - 1))
        width = data.draw(st.integers(0, 200))
        given = data.draw(
            st.sampled_from([b"", b"\n", b"\0" * 9, b"7", b'"', b"\xff", b"[" * 3000])
        )
        flip = data.draw(st.integers(0, 7))
        journal[at : at + width] = given or bytes([journal[at] ^ 1 << flip])
    with TemporaryDirectory() as name:
        path = Path(name) / f"{KEY}.jsonl"
        path.write_bytes(journal)
        try:
            assert [to_bytes(tree) for tree in run(Path(name), Luck())] == trees
        except RecordError as error:
            line = str(error)
            assert re.fullmatch(rf"{path}(:1: .*: delete it| belongs .*; choose).*", line)


def counted(**changes: Any) -> Spoil:
    return lambda answer: answer["said"]["call"].update(changes)


def called(function: Any) -> Spoil:
    calls = [{"id": "call_0", "type": "function", "function": function}]
    return lambda answer: answer["said"]["message"].update(tool_calls=calls)


BAD: dict[str, Spoil] = {
    "a lone surrogate": lambda answer: answer["said"]["message"].update(content="a\ud800b"),
    "content in parts": lambda answer: answer["said"]["message"].update(content=[]),
    "a name that is null": called({"name": None, "arguments": "{}"}),
    "a name that is 5": called({"name": 5, "arguments": "{}"}),
    "arguments that are no text": called({"name": "a", "arguments": {}}),
    "no function": called(None),
    "usage of 2**70": counted(prompt_tokens=2**70),
    "usage of text": counted(completion_tokens="5"),
    "token ids of text": counted(token_ids="abc"),
    "a log-probability of text": counted(logprobs=["-1"]),
    "a model that is null": counted(model=None),
    "no call": lambda answer: answer["said"].pop("call"),
    "something else": lambda answer: answer.update(said=5),
}


@pytest.mark.parametrize("kind", BAD)
def test_an_answer_that_an_older_program_should_not_have_kept_is_asked_for_anew(
    kind: str, whole: tuple[bytes, list[bytes]], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lines = [unseal(line) for line in whole[0].splitlines(True)]
    spoiled = next(line for line in lines[1:] if line["answer"].get("said"))
    BAD[kind](spoiled["answer"])
    path = tmp_path / f"{KEY}.jsonl"
    path.write_bytes(b"".join(map(seal, lines)))
    policy = Luck()
    assert [to_bytes(tree) for tree in run(tmp_path, policy)] == whole[1]
    assert len(policy.asked) == 1
    assert f"{path}:{lines.index(spoiled) + 1}: " in caplog.text
    assert spoiled["scenario"] in SCENARIOS
