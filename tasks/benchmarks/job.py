"""Benchmarks of a policy of the pipeline, with one engine for all of them."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from dialogue.bounds import Count, Positive, Seed
from dialogue.endpoints.settings import ModelEndpoint
from dialogue.files import sync
from services.engines import EngineConfig, EngineSettings
from services.fingerprint import fingerprint, key
from tasks.benchmarks import BENCHMARKS, open_benchmark
from tasks.benchmarks.files import mirror_folder
from tasks.benchmarks.helpers import NO_MODEL, open_helper
from tasks.benchmarks.options import Options
from tasks.benchmarks.runs.several import shared
from tasks.benchmarks.runs.single import Plan, play
from tasks.benchmarks.runs.summary import Metrics
from tasks.benchmarks.shape import Benchmark

log = logging.getLogger(__name__)

PAIRS = "mt-bench"
"""A benchmark that compares two runs, so the pipeline cannot run it on one policy."""


@dataclass(frozen=True, slots=True)
class BenchmarksConfig:
    """The section ``benchmarks``.

    Attributes:
        names: Names in :data:`tasks.benchmarks.BENCHMARKS`; none is run if empty.
        limit: Number of items of each, a random sample that depends on the seed only, so that all
            policies get the same items; null for all items.
        seed: Seed of the sample and of sampling.
        concurrency: Number of items in progress at once.
        trials: Number of dialogues per scenario, for benchmarks of dialogues.
        max_tokens: Maximum number of tokens of one message; null for the benchmark's own.
        max_model_len: Maximum number of tokens of prompt and answer together, as some benchmarks
            show more tools than ToolWOZ; 0 for the engine's.
        judge: Model that rates answers, for the protocols that need one.
        simulator: Model that plays the user or the API, for the protocols that need one.
    """

    names: tuple[str, ...] = ()
    limit: Positive | None = None
    seed: Seed = 0
    concurrency: Positive = 32
    trials: Positive = 1
    max_tokens: Positive | None = None
    max_model_len: Count = 0
    judge: ModelEndpoint = NO_MODEL
    simulator: ModelEndpoint = NO_MODEL

    def __post_init__(self) -> None:
        if unknown := [name for name in self.names if name not in BENCHMARKS]:
            known = ", ".join(name for name in BENCHMARKS if name != PAIRS)
            raise ValueError(f"no benchmark {', '.join(unknown)}; known: {known}")
        if PAIRS in self.names:
            raise ValueError(f"{PAIRS} compares two runs: name mt-bench-answers")
        if len(set(self.names)) < len(self.names):
            raise ValueError("a benchmark is named twice: name each once")

    @property
    def plan(self) -> Plan:
        return Plan(self.limit, self.seed, self.concurrency, self.max_tokens)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """The benchmarks of one policy.

    Attributes:
        config, engine: Sections of params.yaml.
        model: Folder of the policy.
        data: Folder of the pinned files.
        out: Folder of the results, one folder per benchmark.
        work: Folder of the finished benchmarks until all are finished.
        log: Log file of the shared engine.
    """

    config: BenchmarksConfig
    engine: EngineSettings
    model: Path
    data: Path
    out: Path
    work: Path
    log: Path

    def engine_config(self) -> EngineConfig:
        """Settings of the engine; greedy, as the benchmarks are defined."""
        found = self.engine.of(self.model, temperature=0.0)
        return replace(found, max_model_len=self.config.max_model_len or found.max_model_len)

    def folder(self) -> Path:
        """Folder of unfinished results, which depends on all that the results depend on."""
        facts = {**asdict(self.config), "engine": asdict(self.engine_config())}
        for name in ("names", "concurrency"):  # no score depends on them
            del facts[name]
        return self.work / key(**facts, files=fingerprint(self.model))


def benchmark(job: Job) -> dict[str, Metrics]:
    """Run the benchmarks; returns their metrics, and ``out/BENCHMARK`` gets every answer.

    Finished benchmarks stay in ``work`` until all are finished, as DVC empties ``out`` before it
    runs a stage again: a killed run continues.

    Raises:
        tasks.benchmarks.options.MissingError, dialogue.files.download.FetchError: a benchmark lacks
            what it needs; checked before an engine starts.
        EngineError: the engine does not start.
        ValueError: no item of a benchmark could be scored.
    """
    job.out.mkdir(parents=True, exist_ok=True)
    # DVC warns of an empty folder; the file also distinguishes no benchmark from none finished.
    (job.out / "names.json").write_text(json.dumps(job.config.names) + "\n", encoding="utf-8")
    if not job.config.names:
        return {}
    folder, found = job.folder(), {}
    with ExitStack() as stack:
        opened = _open(job, folder, stack)
        engine = stack.enter_context(shared(job.engine_config(), job.log))
        for one in opened:
            log.info("%s on %s", job.model, one.name)
            found[one.name] = play(one, job.config.plan, engine, folder / one.name)
    for name in found:
        logs = shutil.ignore_patterns("*.log")
        shutil.copytree(folder / name, job.out / name, dirs_exist_ok=True, ignore=logs)
    sync(job.out)
    shutil.rmtree(job.work, ignore_errors=True)
    return found


def _open(job: Job, folder: Path, stack: ExitStack) -> list[Benchmark]:
    config = job.config
    judge = open_helper("judge", config.judge, folder / "judge.log")
    simulator = open_helper("simulator", config.simulator, folder / "simulator.log")
    options = Options(
        job.data,
        mirror_folder(),
        stack.enter_context(judge),
        stack.enter_context(simulator),
        config.trials,
        tokenizer=job.model if (job.model / "tokenizer_config.json").is_file() else None,
    )
    return [open_benchmark(name, options) for name in config.names]


def figures(found: Mapping[str, Metrics]) -> dict[str, dict[str, Any]]:
    """The reported figures of each benchmark: score, numbers of items, ceiling and floor."""
    kept = ("score", "items", "unscored", "ceiling", "floor")
    return {
        name: {field: value for field, value in metrics.to_json().items() if field in kept}
        for name, metrics in found.items()
    }
