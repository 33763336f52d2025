"""The layout of 2.2: ``{train,dev,test}/dialogues_NNN.json`` without goals, joined to 2.1 by id."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from toolwoz.corpus.readers.dialogue import Dialogue, plain_id
from toolwoz.corpus.readers.errors import CorpusError, corrupt
from toolwoz.corpus.readers.files import CorpusFile, CorpusFiles
from toolwoz.corpus.readers.original import has_original, read_original
from toolwoz.world.domains import Split

_FOLDERS: Mapping[str, Split] = {"train": "train", "dev": "val", "test": "test"}


def has_schema_guided(files: CorpusFiles) -> bool:
    """Whether the folder holds dialogues in this layout."""
    return any(files.matching(f"{folder}/dialogues_*.json") for folder in _FOLDERS)


def read_schema_guided(files: CorpusFiles) -> Iterator[Dialogue]:
    """Every dialogue of 2.2 with its goal and bookings of 2.1, which must lie in the folder too.

    Raises:
        CorpusError: no goals in the folder, a dialogue without one, or a corrupt dialogue.
    """
    if not has_original(files):
        raise CorpusError(
            f"{files.folder} holds MultiWOZ 2.2, which has no goals; put a release of the "
            "original layout (data.json, MultiWOZ_2.1.zip or delex.json.tar.bz2) into it"
        )
    goals = {dialogue.id: dialogue for dialogue in read_original(files)}
    for folder, split in _FOLDERS.items():
        for file in files.matching(f"{folder}/dialogues_*.json"):
            records = file.parsed()
            if not isinstance(records, list):
                raise CorpusError(
                    f"{file.origin}: {file.path} is not a list of dialogues; fetch it again"
                )
            for record in records:
                yield _join(record, file, split, goals)


def _join(record: Any, file: CorpusFile, split: Split, goals: Mapping[str, Dialogue]) -> Dialogue:
    try:
        identity = plain_id(record["dialogue_id"])
        turns = tuple(" ".join(turn["utterance"].split()) for turn in record["turns"])
    except (KeyError, TypeError, AttributeError) as error:
        name = record.get("dialogue_id", "?") if isinstance(record, dict) else "?"
        raise corrupt(file.origin, name, repr(error)) from error
    if identity not in goals:
        raise CorpusError(f"{file.origin}: dialogue {identity} has no goal in the 2.1 files")
    return replace(goals[identity], split=split, turns=turns)
