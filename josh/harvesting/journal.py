"""The journal: every answer a harvest was given, on disk before it is acted on.

One file holds the answers of thousands of dialogues, one JSON line each: a finished model call, or
the world's answer to it. (A line per node would be coarser: a turn of three calls, killed in the
third, would repeat two.) A search that is run again takes its answers from here until they run out,
and so goes on at the call where it was killed; see ``josh.search.dialogue``.

The file is named by a hash of all that shapes its answers, so a changed parameter starts a new one.
Each line ends with a checksum of itself, and is given to the operating system at once: a killed
process loses nothing. It is on the disk ``SYNC_EVERY`` seconds later at most: that is what a power
cut can lose, and a line torn by it is cut off when the file is next opened.

Where several processes share a harvest, each has a part of the journal, a file for its scenarios;
see ``josh.harvesting.parts``.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import time
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from dialogue.records import seal, unseal
from josh.search.config import SearchConfig
from josh.search.dialogue import Entry

FORMAT = 2
SYNC_EVERY = 5.0


class JournalError(RuntimeError):
    """The journal cannot be used; the message says what to do."""


def journal_key(config: SearchConfig, scenarios: Sequence[str], **identity: Any) -> str:
    """The name of the only journal whose answers fit this harvest.

    Args:
        identity: All else that shapes an answer, as JSON values: the policy (model, adapter,
            sampling), the user, the world's data, the prompt.
    """
    parts = {"format": FORMAT, "config": asdict(config), "scenarios": list(scenarios), **identity}
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def journal_path(folder: Path, key: str, part: str = "") -> Path:
    """Where a journal is, or a part of one."""
    return folder / (f"{key}.{part}.jsonl" if part else f"{key}.jsonl")


class Journal:
    """A file of answers, open for one harvest at a time. Use it in a ``with`` block.

    Only the places of the answers in the file are kept in memory, eight bytes each.

    Args:
        folder: Of journals.
        key: Of the harvest: see :func:`journal_key`.
        part: Name of the part of the journal, where processes share the harvest.

    Raises:
        JournalError: another process has it open, it is another harvest's, or it is damaged
            before its end.
    """

    def __init__(self, folder: Path, key: str, part: str = "") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = journal_path(folder, key, part)
        self._file: BinaryIO = self.path.open("a+b", buffering=0)
        self._lock()
        self._places: dict[str, array[int]] = {}
        self._synced = time.monotonic()
        self._read(key)

    def __call__(self, scenario: str) -> Answers:
        """The answers of one dialogue: what ``harvest_all`` takes as its journal."""
        return Answers(self, scenario, dict(self._entries(scenario)))

    @property
    def scenarios(self) -> Iterable[str]:
        """Those it held answers of when it was opened."""
        return self._places.keys()

    @property
    def earlier(self) -> int:
        """How many answers it held when it was opened."""
        return sum(map(len, self._places.values()))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.fsync(self._file.fileno())
        self._file.close()

    def append(self, record: Mapping[str, Any]) -> None:
        """Write one line; when this returns, it outlives the process."""
        line = seal(record)
        written = self._file.write(line)
        if written != len(line):
            self._file.truncate(os.fstat(self._file.fileno()).st_size - written)
            raise OSError(f"{self.path}: the disk took {written} of {len(line)} bytes; make room")
        if time.monotonic() - self._synced > SYNC_EVERY:
            os.fsync(self._file.fileno())
            self._synced = time.monotonic()

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._file.close()
            raise JournalError(
                f"{self.path}: another harvest is writing it; wait for it"
            ) from error

    def _read(self, key: str) -> None:
        """Learn where each answer is, and cut off a torn end."""
        good, damaged = 0, 0
        with self.path.open("rb") as file:
            for number, line in enumerate(file, 1):
                record = unseal(line)
                if record is None:
                    damaged = damaged or number
                    continue
                if damaged:
                    raise JournalError(
                        f"{self.path}:{damaged}: damaged, with good lines after it; keep what is "
                        f"before it (head -n {damaged - 1}), or delete the file"
                    )
                if number == 1 and record.get("journal") != key:
                    raise JournalError(
                        f"{self.path}: holds the answers of another harvest; delete it"
                    )
                if number > 1:
                    self._places.setdefault(record["scenario"], array("Q")).append(good)
                good += len(line)
        self._file.truncate(good)
        if good == 0:
            self.append({"journal": key, "format": FORMAT})

    def _entries(self, scenario: str) -> Iterator[tuple[str, Entry]]:
        places = self._places.get(scenario, ())
        with self.path.open("rb") as file:
            for place in places:
                file.seek(place)
                record = unseal(file.readline())
                if record is None:
                    raise JournalError(f"{self.path}: changed while it was in use; run again")
                yield record["place"], record["answer"]


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
