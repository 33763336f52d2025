"""Files of a benchmark run: scored.jsonl with one scored item per line, and run.json.

A killed run continues from its file. A last line without a newline was incomplete: it is dropped,
and its item is played again.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

from dialogue.strict_json import dumps
from tasks.benchmarks.scores.scored import Scored

SCORED = "scored.jsonl"
RUN = "run.json"


class ScoredError(ValueError):
    """A folder of scored items cannot be read, or must not be continued."""


@dataclass(slots=True)
class Recorder:
    """The scored items so far, also written to a file if there is one."""

    scored: dict[str, Scored] = field(default_factory=dict)
    file: IO[bytes] | None = None

    def has_score(self, item: str) -> bool:
        return item in self.scored and self.scored[item].error is None

    def append(self, scored: Scored) -> None:
        """Record an item, in the file before this returns."""
        if self.file:
            self.file.write(dumps(asdict(scored)).encode() + b"\n")
            self.file.flush()
        self.scored[scored.item] = scored


@contextmanager
def continue_run(folder: Path, configuration: Mapping[str, Any]) -> Iterator[Recorder]:
    """Open the folder of a run: a new one, or one of the same configuration to continue.

    Raises:
        ScoredError: it has a run of another configuration, is damaged before its last line, or is
            being written by another process.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / SCORED).open("a+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ScoredError(f"{folder}: another process writes to it; wait for it") from error
        _claim(folder, json.loads(dumps(configuration)))
        scored = read_scored(folder)
        content = (folder / SCORED).read_bytes()
        file.truncate(content.rfind(b"\n") + 1)
        yield Recorder({one.item: one for one in scored}, file)


def read_scored(folder: Path) -> list[Scored]:
    """The scored items of a run, finished or not; the last line of an item counts.

    Raises:
        ScoredError: the file is missing, or a line is no scored item.
    """
    path = folder / SCORED
    try:
        whole = path.read_bytes().rpartition(b"\n")[0]
    except OSError as error:
        raise ScoredError(
            f"{path}: {error.strerror}; `python -m tasks.benchmarks` writes it"
        ) from (error)
    found: dict[str, Scored] = {}
    for number, line in enumerate(whole.split(b"\n") if whole else (), 1):
        try:
            record = json.loads(line)
            sequences = {name: tuple(record[name]) for name in ("prompt", "tools", "answer")}
            scored = Scored(**{**record, **sequences})
        except (ValueError, TypeError, KeyError) as error:
            raise ScoredError(
                f"{path}:{number}: {error!r}; remove the line to play its item again"
            ) from error
        found[scored.item] = scored
    return list(found.values())


def read_configuration(folder: Path) -> dict[str, Any]:
    """The settings that the run in a folder depends on.

    Raises:
        ScoredError: the folder has no run.
    """
    try:
        found: dict[str, Any] = json.loads((folder / RUN).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ScoredError(f"{folder}: no run of a benchmark ({error})") from error
    return found


def _claim(folder: Path, configuration: Mapping[str, Any]) -> None:
    """Write the configuration, or compare it with the one in the folder."""
    if not (folder / RUN).is_file():
        part = folder / f"{RUN}.part"
        part.write_text(json.dumps(configuration, indent=1) + "\n", encoding="utf-8")
        part.replace(folder / RUN)
        return
    old = read_configuration(folder)
    changed = sorted(
        key for key in old.keys() | configuration.keys() if old.get(key) != configuration.get(key)
    )
    if changed:
        changes = ", ".join(
            f"{key} was {old.get(key)!r}, is {configuration.get(key)!r}" for key in changed
        )
        raise ScoredError(f"{folder} belongs to another run ({changes}); choose another folder")
