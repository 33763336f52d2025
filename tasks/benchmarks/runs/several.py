"""Runs of several benchmarks one after another with one engine; a failure stops no other."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from dialogue.errors import EngineError
from dialogue.files.download import FetchError
from services.engines import EngineConfig, server
from tasks.benchmarks import open_benchmark
from tasks.benchmarks.options import MissingError, Options
from tasks.benchmarks.runs.single import Plan, play
from tasks.benchmarks.runs.summary import Metrics, lines

TABLE = "table.txt"


@dataclass(frozen=True, slots=True)
class Row:
    """The outcome of one benchmark.

    Attributes:
        benchmark: Name of the benchmark.
        seconds: Duration in this process, in seconds.
        metrics: Metrics; None if it was not played to the end.
        failed: Whether it failed; if not, a benchmark without metrics was left out.
        note: Reason why it was not played, and what to do.
    """

    benchmark: str
    seconds: float
    metrics: Metrics | None = None
    failed: bool = False
    note: str = ""


def play_all(
    names: Iterable[str], plan: Plan, options: Options, engine: EngineConfig, out: Path
) -> list[Row]:
    """Run every benchmark in its folder of `out`, and write the table of all to ``table.txt``.

    Raises:
        EngineError: the engine that all share does not start.
    """
    out.mkdir(parents=True, exist_ok=True)
    rows = []
    with shared(engine, out / "engine.log") as config:
        for name in names:
            rows.append(_row(name, plan, options, config, out / name))
            # After each, so that a stopped run has a table too.
            (out / TABLE).write_text("\n".join(table(rows)) + "\n", encoding="utf-8")
    return rows


@contextmanager
def shared(engine: EngineConfig, log: Path) -> Iterator[EngineConfig]:
    """The settings of an engine to share: vLLM of a folder becomes running servers."""
    if engine.backend not in ("vllm", "server"):
        yield engine
        return
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("")
    with server.serving(engine, log) as urls:
        yield replace(engine, backend="server", urls=urls, replicas=1)


def _row(name: str, plan: Plan, options: Options, engine: EngineConfig, out: Path) -> Row:
    began = time.monotonic()
    try:
        metrics = play(open_benchmark(name, options), plan, engine, out)
    except (MissingError, FetchError) as missing:
        return Row(name, time.monotonic() - began, note=str(missing))
    except (ValueError, OSError, EngineError) as failure:
        return Row(name, time.monotonic() - began, failed=True, note=str(failure))
    print(*lines(metrics), sep="\n", flush=True)
    return Row(name, time.monotonic() - began, metrics)


def table(rows: Sequence[Row]) -> Iterator[str]:
    """The rows as text: score with its 95 % interval, items, ceiling, floor, seconds."""
    yield _line("benchmark", "score", "items", "unscored", "ceiling", "floor", "seconds")
    for row in rows:
        if (found := row.metrics) is not None:
            counts = (str(found.items), str(found.unscored))
            bounds = (_figure(found.ceiling), _figure(found.floor))
            yield _line(row.benchmark, str(found.score), *counts, *bounds, f"{row.seconds:.0f}")
    for row in rows:
        if row.note:
            first = row.note.splitlines()[0]
            yield f"{row.benchmark} {'failed' if row.failed else 'was left out'}: {first}"


def _line(name: str, score: str, *figures: str) -> str:
    return f"{name:<22} {score:<20}" + "".join(f" {one:>8}" for one in figures)


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
