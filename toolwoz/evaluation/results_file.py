"""results.jsonl: a header with the run's configuration, then a result a line, written as it ends.

A run that was killed continues from its file. A last line without its newline was being written
when that happened: it is dropped, and its dialogue played again. Once all have ended, they are put
in order, by scenario and trial: the same results are the same file.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from dialogue.strict_json import dumps
from toolwoz.evaluation.result import Key, Result

SCHEMA_VERSION = 1
NAME = "results.jsonl"


class ResultsError(ValueError):
    """A results file that cannot be read, or must not be continued."""


@dataclass(frozen=True, slots=True)
class Run:
    """What a results file holds.

    Attributes:
        configuration: What the results depend on: policy, user, mode, seed...
        results: By key, in the order they ended; of a dialogue played again, the last.
        size: Bytes up to the end of the last whole line.
    """

    configuration: Mapping[str, Any]
    results: Mapping[Key, Result]
    size: int


@dataclass(slots=True)
class Recorder:
    """Results so far, kept in a file where there is one."""

    results: dict[Key, Result] = field(default_factory=dict)
    file: IO[bytes] | None = None

    def has_score(self, key: Key) -> bool:
        return key in self.results and self.results[key].scored

    def append(self, result: Result) -> None:
        """Record a finished dialogue; when this returns, the file has it."""
        if self.file:
            _write(self.file, result.to_json())
        self.results[result.key] = result


@contextmanager
def continue_run(path: Path, configuration: Mapping[str, Any]) -> Iterator[Recorder]:
    """Open a results file for this configuration: a new one, or the one it left unfinished.

    Raises:
        ResultsError: the file holds another configuration's results, is damaged before its last
            line, or is being written by another process.
    """
    configuration = json.loads(json.dumps(configuration))
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ResultsError(f"{path}: another process is writing it; wait for it") from error
        run = read_run(path)
        if run is None:
            file.truncate(0)
            _write(file, _header(configuration))
            recorder = Recorder(file=file)
        else:
            _refuse_changes(path, run.configuration, configuration)
            file.truncate(run.size)
            recorder = Recorder(dict(run.results), file)
        yield recorder
        _put_in_order(path, configuration, recorder.results)


def add_results(path: Path, others: Iterable[Path], configuration: Mapping[str, Any]) -> None:
    """Bring the results of other files of the same run into one; the first score of each stays.

    Raises:
        ResultsError: as :func:`continue_run`, of any of the files.
    """
    with continue_run(path, configuration) as recorder:
        for other in others:
            with continue_run(other, configuration) as found:
                for key, result in found.results.items():
                    if not recorder.has_score(key):
                        recorder.append(result)


def read_run(path: Path) -> Run | None:
    """A results file, finished or not; None where not even its header was written.

    Raises:
        ResultsError: there is no such file, or a line of it is no result.
    """
    try:
        whole, newline, _torn = path.read_bytes().rpartition(b"\n")
    except OSError as error:
        raise ResultsError(
            f"{path}: {error.strerror}; `python -m toolwoz evaluate` writes it"
        ) from error
    if not newline:
        return None
    header, *lines = whole.split(b"\n")
    results: dict[Key, Result] = {}
    for number, line in enumerate(lines, 2):
        try:
            result = Result.from_json(json.loads(line))
        except ValueError as error:
            raise ResultsError(
                f"{path}:{number}: {error}; remove the line to play it again"
            ) from error
        results[result.key] = result
    return Run(_configuration(path, header), results, len(whole) + 1)


def _configuration(path: Path, header: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(header)
        version, configuration = found["schema_version"], found["configuration"]
    except (ValueError, KeyError, TypeError) as error:
        raise ResultsError(f"{path}:1: no header of a results file") from error
    if version != SCHEMA_VERSION or not isinstance(configuration, dict):
        raise ResultsError(
            f"{path}: schema version {version!r}, this toolwoz reads {SCHEMA_VERSION}"
        )
    return configuration


def _refuse_changes(path: Path, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    changed = sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))
    if changed:
        changes = ", ".join(f"{key} was {old.get(key)!r}, is {new.get(key)!r}" for key in changed)
        raise ResultsError(f"{path} belongs to another run ({changes}); choose another folder")


def _header(configuration: Mapping[str, Any]) -> dict[str, Any]:
    return {"schema_version": SCHEMA_VERSION, "configuration": configuration}


def _put_in_order(
    path: Path, configuration: Mapping[str, Any], results: Mapping[Key, Result]
) -> None:
    part = path.with_name(f".{path.name}.part")
    with part.open("wb") as file:
        _write(file, _header(configuration))
        for key in sorted(results):
            _write(file, results[key].to_json())
    part.replace(path)


def _write(file: IO[bytes], record: Mapping[str, Any]) -> None:
    file.write(dumps(record).encode("utf-8") + b"\n")
    file.flush()
