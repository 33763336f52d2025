"""results.jsonl: a header with the run's configuration, then a result a line, written as it ends.

A run that was killed continues from its file: see ``dialogue.records``. Once all have ended, they
are put in order, by scenario and trial: the same results are the same file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dialogue.records import Format, Record, RecordError, read
from toolwoz.evaluation.runs.result import Key, Result

FORMAT = Format("remove the line to play it again", version=1)
NAME = "results.jsonl"


@dataclass(frozen=True, slots=True)
class Run:
    """What a results file holds.

    Attributes:
        configuration: What the results depend on: policy, user, mode, seed...
        results: By key, in the order they ended; of a dialogue played again, the last.
    """

    configuration: Mapping[str, Any]
    results: Mapping[Key, Result]


@dataclass(slots=True)
class Recorder:
    """Results so far, kept in a file where there is one."""

    results: dict[Key, Result] = field(default_factory=dict)
    record: Record | None = None

    def has_score(self, key: Key) -> bool:
        return key in self.results and self.results[key].scored

    def append(self, result: Result) -> None:
        """Record a finished dialogue; when this returns, the file has it."""
        if self.record:
            self.record.append(result.to_json())
        self.results[result.key] = result

    def take(self, _place: int, line: Mapping[str, Any]) -> None:
        """Note a result that the file has."""
        result = Result.from_json(line)
        self.results[result.key] = result


@contextmanager
def continue_run(path: Path, configuration: Mapping[str, Any]) -> Iterator[Recorder]:
    """Open a results file for this configuration: a new one, or the one it left unfinished.

    Raises:
        RecordError: the file holds another configuration's results, is damaged, or is being
            written by another process.
    """
    recorder = Recorder()
    with Record(path, FORMAT, configuration, recorder.take) as record:
        recorder.record = record
        yield recorder
        results = recorder.results
        record.rewrite(results[key].to_json() for key in sorted(results))


def add_results(path: Path, others: Iterable[Path], configuration: Mapping[str, Any]) -> None:
    """Bring the results of other files of the same run into one; the first score of each stays.

    Raises:
        RecordError: as :func:`continue_run`, of any of the files.
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
        RecordError: there is no such file, or a line of it is no result.
    """
    recorder = Recorder()
    try:
        configuration = read(path, FORMAT, recorder.take).configuration
    except OSError as error:
        raise RecordError(
            f"{path}: {error.strerror}; `python -m toolwoz evaluate` writes it"
        ) from error
    return None if configuration is None else Run(configuration, recorder.results)
