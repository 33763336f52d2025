"""Files of a benchmark run: scored.jsonl with one scored item per line, and run.json.

A killed run continues from its file: see ``dialogue.records``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from dialogue.files import write_whole
from dialogue.records import Format, Record, RecordError, read, refuse_changes
from dialogue.strict_json import dumps
from tasks.benchmarks.scores.scored import Scored

FORMAT = Format("remove the line to play its item again")
SCORED = "scored.jsonl"
RUN = "run.json"


@dataclass(slots=True)
class Recorder:
    """The scored items so far, also written to a file if there is one."""

    scored: dict[str, Scored] = field(default_factory=dict)
    record: Record | None = None

    def has_score(self, item: str) -> bool:
        return item in self.scored and self.scored[item].error is None

    def append(self, scored: Scored) -> None:
        """Record an item, in the file before this returns."""
        if self.record:
            self.record.append(asdict(scored))
        self.scored[scored.item] = scored

    def take(self, _place: int, line: Mapping[str, Any]) -> None:
        """Store an item of the file; the last line of an item counts."""
        sequences = {name: tuple(line[name]) for name in ("prompt", "tools", "answer")}
        scored = Scored(**{**line, **sequences})
        self.scored[scored.item] = scored


@contextmanager
def continue_run(folder: Path, configuration: Mapping[str, Any]) -> Iterator[Recorder]:
    """Open the folder of a run: a new one, or one of the same configuration to continue.

    Raises:
        RecordError: it has a run of another configuration, is damaged, or is being written by
            another process.
    """
    recorder = Recorder()
    with Record(folder / SCORED, FORMAT, take=recorder.take) as record:
        _claim(folder, json.loads(dumps(configuration)))
        recorder.record = record
        yield recorder
        record.rewrite(map(asdict, recorder.scored.values()))


def read_scored(folder: Path) -> list[Scored]:
    """The scored items of a run, finished or not; the last line of an item counts.

    Raises:
        RecordError: the file is missing, or a line is no scored item.
    """
    recorder = Recorder()
    try:
        read(folder / SCORED, FORMAT, recorder.take)
    except OSError as error:
        raise RecordError(
            f"{folder / SCORED}: {error.strerror}; `python -m tasks.benchmarks` writes it"
        ) from error
    return list(recorder.scored.values())


def read_configuration(folder: Path) -> dict[str, Any]:
    """The settings that the run in a folder depends on.

    Raises:
        RecordError: the folder has no run.
    """
    try:
        found: dict[str, Any] = json.loads((folder / RUN).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RecordError(f"{folder}: no run of a benchmark ({error})") from error
    return found


def _claim(folder: Path, configuration: Mapping[str, Any]) -> None:
    """Write the configuration, or compare it with the one in the folder."""
    if (folder / RUN).is_file():
        refuse_changes(folder, read_configuration(folder), configuration)
    else:
        write_whole(folder / RUN, json.dumps(configuration, indent=1) + "\n")
