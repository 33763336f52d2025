"""Every published layout gives the same corpus, and every fault one clear error."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import shutil
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dialogue import files
from tests.helpers.tars import HOSTILE, LIMIT, MEMBERS
from toolwoz.corpus.multiwoz import Corpus, CorpusError, read_corpus
from toolwoz.corpus.readers.files import CorpusFiles
from toolwoz.corpus.sources import SyntheticConfig, fetch

IDS = {"val": ["MUL0002.json"], "test": ["SNG0003.json", "SNG0004.json"]}


@pytest.fixture
def folder(golden: Path, tmp_path: Path) -> Path:
    """A copy of the golden corpus to take apart."""
    return Path(shutil.copytree(golden / "multiwoz", tmp_path / "corpus"))


def same(corpus: Corpus, golden: Path) -> bool:
    original = read_corpus(golden / "multiwoz")
    return {d.id: d for d in corpus.dialogues} == {d.id: d for d in original.dialogues}


def zipped(path: Path, members: dict[str, str]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in members.items():
            archive.writestr(name, text)


def records(folder: Path) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((folder / "data.json").read_text(encoding="utf-8"))
    return data


def test_the_original_layout(golden: Path) -> None:
    corpus = read_corpus(golden / "multiwoz")
    assert corpus.name == "multiwoz"
    assert {d.id: d.split for d in corpus.dialogues} == {
        "MUL0001": "train",
        "MUL0002": "val",
        "SNG0003": "test",
        "SNG0004": "test",
        "MUL0005": "train",
        "MUL0006": "train",
        "MUL0007": "train",
        "SNG0008": "train",
    }
    first = corpus.dialogues[0]
    assert first.turns[0] == "Hello , a train to westbay on monday please ."
    assert first.booked["restaurant"] == {"name": "casa lupo", "reference": "BBBB2222"}


def test_a_release_archive_needs_no_unpacking(folder: Path, golden: Path) -> None:
    names = [path.name for path in folder.iterdir()]
    members = {f"MULTIWOZ2.4/{name}": (folder / name).read_text() for name in names}
    junk = {"__MACOSX/MULTIWOZ2.4/data.json": "resource fork"}
    for name in names:
        (folder / name).unlink()
    zipped(folder / "MULTIWOZ2.4.zip", {**junk, **members})
    assert same(read_corpus(folder), golden)


def test_id_lists_may_be_called_json(folder: Path, golden: Path) -> None:
    for split in IDS:
        (folder / f"{split}ListFile.txt").rename(folder / f"{split}ListFile.json")
    assert same(read_corpus(folder), golden)


def test_convlab_split_archives(folder: Path, golden: Path) -> None:
    data = records(folder)
    for name in ("data.json", "valListFile.txt", "testListFile.txt"):
        (folder / name).unlink()
    held_out = [name for ids in IDS.values() for name in ids]
    splits = {**IDS, "train": [name for name in data if name not in held_out]}
    for split, names in splits.items():
        part = {name.removesuffix(".json"): data[name] for name in names}
        zipped(folder / f"{split}.json.zip", {f"{split}.json": json.dumps(part)})
    assert same(read_corpus(folder), golden)


def delexicalise(folder: Path) -> None:
    data = (folder / "data.json").read_bytes()
    (folder / "data.json").unlink()
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        member = tarfile.TarInfo("delex.json")
        member.size = len(data)
        archive.addfile(member, io.BytesIO(data))
    (folder / "delex.json.tar.bz2").write_bytes(bz2.compress(packed.getvalue()))


def test_the_delexicalised_release_has_no_speech(folder: Path, golden: Path) -> None:
    original = read_corpus(golden / "multiwoz").dialogues
    delexicalise(folder)
    corpus = read_corpus(folder)
    assert corpus.dialogues == tuple(replace(d, turns=()) for d in original)


def test_split_archives_beside_it_bring_their_speech(folder: Path, golden: Path) -> None:
    data = records(folder)
    delexicalise(folder)
    part = {name.removesuffix(".json"): data[name] for name in IDS["test"]}
    zipped(folder / "test.json.zip", {"test.json": json.dumps(part)})
    original = {d.id: d for d in read_corpus(golden / "multiwoz").dialogues}
    corpus = read_corpus(folder)
    assert len(corpus.dialogues) == len(original)
    for dialogue in corpus.dialogues:
        turns = original[dialogue.id].turns if dialogue.split == "test" else ()
        assert dialogue == replace(original[dialogue.id], turns=turns)


def test_the_schema_guided_layout_takes_goals_from_the_original_one(
    folder: Path, golden: Path
) -> None:
    original = {d.id: d for d in read_corpus(golden / "multiwoz").dialogues}
    shutil.copytree(golden / "multiwoz22", folder, dirs_exist_ok=True)
    (folder / "data.json.gz").write_bytes(gzip.compress((folder / "data.json").read_bytes()))
    (folder / "data.json").unlink()
    corpus = read_corpus(folder)
    assert len(corpus.dialogues) == len(original)
    for dialogue in corpus.dialogues:
        spoken = tuple(turn.upper() for turn in original[dialogue.id].turns)
        assert dialogue == replace(original[dialogue.id], turns=spoken)


def test_records_are_read_one_at_a_time_as_json_reads_them(tmp_path: Path) -> None:
    data = {"a": {"b": [1, "}"]}, 'q"\\': None, "é": "\U0001f600", "": {}}
    for indent in (None, 2):
        (tmp_path / "data.json").write_text(json.dumps(data, indent=indent))
        file = CorpusFiles(tmp_path).find("data.json")
        assert file is not None
        assert dict(file.records()) == data
    (tmp_path / "data.json").write_text(" {} ")
    assert list(file.records()) == []


def drop(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def write(name: str, content: bytes) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        (folder / name).write_bytes(content)

    return damage


def corrupt(change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        data = records(folder)
        change(data)
        (folder / "data.json").write_text(json.dumps(data))

    return damage


def only_22(folder: Path) -> None:
    (folder / "data.json").unlink()
    (folder / "train").mkdir()
    (folder / "train" / "dialogues_001.json").write_text("[]")


def stranger_in_22(folder: Path) -> None:
    (folder / "dev").mkdir()
    record = {"dialogue_id": "MUL9999.json", "turns": [{"utterance": "hi"}]}
    (folder / "dev" / "dialogues_001.json").write_text(json.dumps([record]))


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (shutil.rmtree, "there is no corpus folder"),
        (drop("hotel_db.json"), "has no hotel_db.json"),
        (drop("valListFile.txt"), "has no valListFile.txt"),
        (drop("data.json"), "no dialogues in a known layout"),
        (write("train_db.json", b"[]"), "train_db.json is not a list of rows"),
        (write("train_db.json", b"[1"), "train_db.json is not valid JSON"),
        (write("data.json", b'{"A" 5}'), "data.json is not valid JSON: expected ':'"),
        (write("data.json", b"[]"), "data.json is not valid JSON: expected '{'"),
        (write("data.json", b'{"A": "\xff"}'), "data.json is not UTF-8"),
        (write("more.zip", b"PK broken"), "more.zip is damaged"),
        (write("restaurant_db.json.gz", b""), ""),
        (corrupt(lambda d: d["SNG0003.json"].pop("goal")), "dialogue SNG0003.json is corrupt"),
        (corrupt(lambda d: d["SNG0003.json"]["log"].clear()), "dialogue SNG0003.json is corrupt"),
        (corrupt(lambda d: d["SNG0003.json"]["log"][0].pop("text")), "KeyError('text')"),
        (corrupt(lambda d: d.update({"SNG0003.json": 5})), "dialogue SNG0003.json is corrupt"),
        (only_22, "MultiWOZ 2.2, which has no goals"),
        (stranger_in_22, "dialogue MUL9999 has no goal"),
    ],
)
def test_a_fault_is_one_clear_error(
    folder: Path, damage: Callable[[Path], None], says: str
) -> None:
    damage(folder)
    if not says:  # a damaged file that nobody needs is no fault
        read_corpus(folder)
        return
    with pytest.raises(CorpusError) as caught:
        read_corpus(folder)
    assert says in str(caught.value)
    assert str(folder) in str(caught.value)


def test_a_cut_off_archive_is_named(folder: Path) -> None:
    delexicalise(folder)
    archive = folder / "delex.json.tar.bz2"
    archive.write_bytes(archive.read_bytes()[:-200])
    with pytest.raises(CorpusError, match=r"delex\.json\.tar\.bz2 is damaged"):
        read_corpus(folder)


def bomb_zip(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.json", bytes(1 << 24))
    return folder / "bomb.zip"


def bomb_gz(folder: Path) -> Path:
    (folder / "bomb.json.gz").write_bytes(gzip.compress(bytes(1 << 24)))
    return folder / "bomb.json.gz"


def bomb_bz2(folder: Path) -> Path:
    (folder / "bomb.json.tar.bz2").write_bytes(bz2.compress(bytes(1 << 24)))
    return folder / "bomb.json.tar.bz2"


@pytest.mark.parametrize("make", [bomb_zip, bomb_gz, bomb_bz2])
def test_a_bomb_is_refused_before_it_fills_the_memory(
    make: Callable[[Path], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = make(tmp_path)
    assert archive.stat().st_size < 100_000
    monkeypatch.setattr(files, "MAX_UNPACKED", 1 << 21)
    bomb = CorpusFiles(tmp_path).find("bomb.json")
    assert bomb is not None
    tracemalloc.start()
    with pytest.raises(CorpusError, match=rf"{archive.name} .* more than 2,097,152 bytes"):
        bomb.text()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 << 20


# Of many files only the first is read.
@pytest.mark.parametrize("kind", sorted(HOSTILE.keys() - {"many files"}))
def test_only_a_plain_file_of_an_archive_is_read(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "MAX_UNPACKED", LIMIT)
    monkeypatch.setattr(files, "MAX_MEMBERS", MEMBERS)
    (tmp_path / "data.json.tar.bz2").write_bytes(bz2.compress(HOSTILE[kind]()))
    found = CorpusFiles(tmp_path).find("data.json")
    assert found is not None
    with pytest.raises(CorpusError, match=r"data\.json\.tar\.bz2 is damaged"):
        found.text()


def test_an_archive_of_many_files_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "MAX_MEMBERS", MEMBERS)
    zipped(tmp_path / "many.zip", dict.fromkeys(map(str, range(MEMBERS + 1)), ""))
    with pytest.raises(CorpusError, match=r"many\.zip is damaged: it holds more than 50 files"):
        CorpusFiles(tmp_path)


def test_a_fetched_corpus_has_the_name_of_its_source(tmp_path: Path) -> None:
    size = SyntheticConfig(seed=1, train=2, val=1, test=1)
    assert read_corpus(fetch("synthetic", tmp_path, synthetic=size)).name == "synthetic"
