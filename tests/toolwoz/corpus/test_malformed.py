"""Any one value of a corpus replaced by another: it is read, or refused by one clear error."""

from __future__ import annotations

import copy
import json
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.damage import damaged
from toolwoz.conversion.conversion import convert
from toolwoz.corpus.multiwoz import CorpusError, read_corpus
from toolwoz.world.domains import DOMAINS

PUT = (None, 5, -0.5, True, [], [5], ["x"], [None], {}, {"x": 5}, "", "x")
Place = tuple[str | int, ...]


def places(value: Any, at: Place = ()) -> Iterator[Place]:
    """Every value of a document, the whole first; of a list's items the first and the last."""
    yield at
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from places(inner, (*at, key))
    elif isinstance(value, list) and value:
        for index in sorted({0, len(value) - 1}):
            yield from places(value[index], (*at, index))


def replaced(document: Any, at: Place, value: object) -> Any:
    if not at:
        return value
    changed = copy.deepcopy(document)
    inner = changed
    for key in at[:-1]:
        inner = inner[key]
    inner[at[-1]] = value
    return changed


def faults(folder: Path, name: str, document: Any) -> Iterator[str]:
    """Places of a file where a replaced value is neither read nor refused by one line."""
    for number, at in enumerate(places(document)):
        for value in PUT[number % 3 :: 3] if len(at) > 5 else PUT:
            (folder / name).write_text(json.dumps(replaced(document, at, value)))
            try:
                corpus = read_corpus(folder)
                for mode in ("v2", "parity"):
                    convert(corpus, mode)
            except CorpusError as error:
                if str(folder) not in str(error) or "\n" in str(error):
                    yield f"{name} {at} = {value!r}: {error}"
            except Exception as error:
                yield f"{name} {at} = {value!r}: {error!r}"
    (folder / name).write_text(json.dumps(document))


@pytest.fixture
def folder(golden: Path, tmp_path: Path) -> Path:
    """The golden corpus with two of its dialogues, in the layouts of 2.1 and 2.2."""
    corpus = Path(shutil.copytree(golden / "multiwoz", tmp_path / "corpus"))
    data = json.loads((corpus / "data.json").read_text())
    few = {name: data[name] for name in ("MUL0001.json", "MUL0002.json")}
    (corpus / "data.json").write_text(json.dumps(few))
    return corpus


@pytest.mark.slow
def test_a_dialogue(folder: Path) -> None:
    assert list(faults(folder, "data.json", json.loads((folder / "data.json").read_text()))) == []


@pytest.mark.slow
def test_a_database(folder: Path) -> None:
    for name in (f"{domain}_db.json" for domain in DOMAINS):
        assert list(faults(folder, name, json.loads((folder / name).read_text()))) == []


def test_a_dialogue_of_the_schema_guided_layout(folder: Path) -> None:
    (folder / "train").mkdir()
    record = {"dialogue_id": "MUL0001.json", "turns": [{"utterance": "hi"}]}
    assert list(faults(folder, "train/dialogues_001.json", [record])) == []


def test_the_name_of_the_source(folder: Path) -> None:
    assert list(faults(folder, "SOURCE.json", {"source": "x", "files": {}})) == []


@pytest.mark.parametrize("name", ["data.json", "hotel_db.json", "SOURCE.json"])
def test_brackets_without_end(folder: Path, name: str) -> None:
    (folder / name).write_text('{"a": ' + "[" * 100_000)
    with pytest.raises(CorpusError, match=name):
        read_corpus(folder)


def test_any_byte(folder: Path) -> None:
    """Flipped, put in or left out, in any of the files."""
    dice, names, seen = random.Random(0), sorted(one.name for one in folder.iterdir()), []
    for number in range(300):
        path = folder / names[number % len(names)]
        whole = path.read_bytes()
        path.write_bytes(damaged(whole, dice, b'\0\t\xff\xef[]{}:",-9'))
        try:
            convert(read_corpus(folder), "v2")
        except CorpusError as error:
            seen.append(str(error))
        path.write_bytes(whole)
    assert len(seen) > 50
    assert all(str(folder) in error and "\n" not in error for error in seen)
