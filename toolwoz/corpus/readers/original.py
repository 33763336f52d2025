"""The original layout, ``{id: {"goal": ..., "log": [...]}}``: 2.0, 2.1, 2.4, delex, ConvLab."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from toolwoz.corpus.readers.dialogue import Dialogue, from_record, plain_id
from toolwoz.corpus.readers.errors import CorpusError
from toolwoz.corpus.readers.files import CorpusFile, CorpusFiles
from toolwoz.world.domains import Split

_WHOLE = ("data.json", "delex.json")
_HELD_OUT: tuple[Split, ...] = ("val", "test")


def has_original(files: CorpusFiles) -> bool:
    """Whether the folder holds dialogues in this layout."""
    return files.find(*_WHOLE, "train.json") is not None


def read_original(files: CorpusFiles) -> Iterator[Dialogue]:
    """Every dialogue of the folder, each once.

    A whole corpus (``data.json``, else ``delex.json``) is split by its id lists, and ConvLab's
    ``val.json`` and ``test.json`` in the same folder take precedence: they are of 2.1 with text.
    Without a whole corpus, ConvLab's three files are the splits.

    Raises:
        CorpusError: a file is missing or a dialogue corrupt.
    """
    read: set[str] = set()
    for split in _HELD_OUT:
        file = files.find(f"{split}.json")
        if file is not None:
            yield from _unread(file, _always(split), read)
    whole = files.find(*_WHOLE)
    if whole is not None:
        yield from _unread(whole, split_lists(files), read)
        return
    train = files.find("train.json")
    if train is not None:
        yield from _unread(train, _always("train"), read)


def split_lists(files: CorpusFiles) -> Callable[[str], Split]:
    """The split of a dialogue id by the release's id lists; train where they do not name it.

    Raises:
        CorpusError: a list is missing.
    """
    splits: dict[str, Split] = {}
    for split in _HELD_OUT:
        # Every release has one id per line, even where the file is called .json (2.0 and 2.4).
        stem = f"{split}ListFile"
        file = files.find(f"{stem}.txt", f"{stem}.json", stem)
        if file is None:
            raise CorpusError(
                f"{files.folder} has no {stem}.txt, the list of the {split} dialogues"
            )
        splits |= {plain_id(line): split for line in file.text().splitlines() if line.strip()}
    return lambda identity: splits.get(identity, "train")


def _always(split: Split) -> Callable[[str], Split]:
    return lambda _: split


def _unread(
    file: CorpusFile, split_of: Callable[[str], Split], read: set[str]
) -> Iterator[Dialogue]:
    delexicalised = file.path.name == "delex.json"
    for name, record in file.records():
        identity = plain_id(name)
        if identity in read:
            continue
        read.add(identity)
        split = split_of(identity)
        yield from_record(name, record, file, split=split, delexicalised=delexicalised)
