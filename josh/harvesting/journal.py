"""The journal: every answer a harvest was given, on disk before it is acted on.

One record holds the answers of thousands of dialogues, one line each: a finished model call, or
the world's answer to it. (A line per node would be coarser: a turn of three calls, killed in the
third, would repeat two.) A search that is run again takes its answers from here until they run out,
and so goes on at the call where it was killed; see ``josh.search.dialogue``.

The file is named by a hash of all that shapes its answers, so a changed parameter starts a new one.
What a kill or a power cut can lose: see ``dialogue.records``.

Where several processes share a harvest, each has a part of the journal, a file for its scenarios;
see ``josh.harvesting.parts``.
"""

from __future__ import annotations

import hashlib
import json
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dialogue.records import Format, Record
from josh.search.config import SearchConfig
from josh.search.dialogue import Entry, check_entry

FORMAT = Format("delete the file to begin anew", version=4)


def journal_key(config: SearchConfig, scenarios: Sequence[str], **identity: Any) -> str:
    """The name of the only journal whose answers fit this harvest.

    Args:
        identity: All else that shapes an answer, as JSON values: the policy (model, adapter,
            sampling), the user, the world's data, the prompt.
    """
    shaping = {"config": asdict(config), "scenarios": list(scenarios), **identity}
    parts = {"format": FORMAT.version, **shaping}
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def journal_path(folder: Path, key: str, part: str = "") -> Path:
    """Where a journal is, or a part of one."""
    return folder / (f"{key}.{part}.jsonl" if part else f"{key}.jsonl")


class Journal(Record):
    """A record of answers, open for one harvest at a time. Use it in a ``with`` block.

    Only the places of the answers in the file are kept in memory, eight bytes each.

    Args:
        folder: Folder of journals.
        key: Key of the harvest: see :func:`journal_key`.
        part: Name of the part of the journal, where processes share the harvest.

    Raises:
        dialogue.records.RecordError: another process has it open, it is another harvest's, or its
            header is damaged.
    """

    def __init__(self, folder: Path, key: str, part: str = "") -> None:
        self._places: dict[str, array[int]] = {}
        super().__init__(journal_path(folder, key, part), FORMAT, {"harvest": key}, self._note)

    def _note(self, place: int, line: Mapping[str, Any]) -> None:
        if line.keys() != {"scenario", "place", "answer"}:
            raise ValueError("no journaled answer")
        check_entry(line["answer"])
        self._places.setdefault(line["scenario"], array("Q")).append(place)

    def __call__(self, scenario: str) -> Answers:
        """The answers of one dialogue: what ``harvest_all`` takes as its journal."""
        lines = self.at(self._places.get(scenario, ()))
        return Answers(self, scenario, {line["place"]: line["answer"] for line in lines})

    @property
    def scenarios(self) -> Iterable[str]:
        """Those it held answers of when it was opened."""
        return self._places.keys()

    @property
    def earlier(self) -> int:
        """How many answers it held when it was opened."""
        return sum(map(len, self._places.values()))


class Answers:
    """The memory of one dialogue: earlier answers from the journal, new ones into it."""

    def __init__(self, journal: Journal, scenario: str, earlier: Mapping[str, Entry]) -> None:
        self.journal = journal
        self.scenario = scenario
        self.earlier = earlier

    def get(self, key: str, /) -> Entry | None:
        return self.earlier.get(key)

    def __setitem__(self, key: str, entry: Entry, /) -> None:
        # Not kept in memory: a search asks each question once.
        self.journal.append({"scenario": self.scenario, "place": key, "answer": entry})
