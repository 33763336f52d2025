"""A policy of the pipeline on the benchmarks that params.yaml names: one engine for all of them."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from dialogue.endpoints.settings import ModelEndpoint
from services.engines import EngineConfig, EngineSettings
from services.fingerprint import fingerprint, key
from tasks.benchmarks import BENCHMARKS, open_benchmark
from tasks.benchmarks.files import mirror_folder
from tasks.benchmarks.helpers import NOBODY, open_helper
from tasks.benchmarks.options import Options
from tasks.benchmarks.shape import Benchmark
from tasks.benchmarks.single import Plan, play
from tasks.benchmarks.suite import shared
from tasks.benchmarks.summary import Metrics

log = logging.getLogger(__name__)

PAIRS = "mt-bench"
"""Its score is of two runs, so none of one policy."""


@dataclass(frozen=True, slots=True)
class BenchmarksConfig:
    """The section ``benchmarks``.

    Attributes:
        names: Of :data:`tasks.benchmarks.BENCHMARKS`; none is run where the list is empty.
        limit: So many items of each, a random sample that depends on the seed only, so that every
            policy gets the same; null for all.
        seed: Of the sample, and of sampling.
        concurrency: Items in progress at any time.
        trials: Dialogues a scenario, of benchmarks of dialogues.
        max_tokens: Most tokens of one message, where a benchmark allows more; null for its own.
        max_model_len: Longest prompt and answer together, in tokens, in place of the engine's: some
            show more tools than ToolWOZ has. 0 for the engine's.
        judge: Reads answers, for the protocols that need one.
        simulator: Plays the user or the API, for the protocols that need one.
    """

    names: tuple[str, ...] = ()
    limit: int | None = None
    seed: int = 0
    concurrency: int = 32
    trials: int = 1
    max_tokens: int | None = None
    max_model_len: int = 0
    judge: ModelEndpoint = NOBODY
    simulator: ModelEndpoint = NOBODY

    def __post_init__(self) -> None:
        if unknown := [name for name in self.names if name not in BENCHMARKS]:
            known = ", ".join(name for name in BENCHMARKS if name != PAIRS)
            raise ValueError(f"no benchmark {', '.join(unknown)}; there are: {known}")
        if PAIRS in self.names:
            raise ValueError(f"{PAIRS} judges two policies; of one there is mt-bench-answers")
        if len(set(self.names)) < len(self.names):
            raise ValueError("a benchmark is named twice")
        self.plan  # noqa: B018  (which has its own checks)

    @property
    def plan(self) -> Plan:
        return Plan(self.limit, self.seed, self.concurrency, self.max_tokens)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """The benchmarks of one policy.

    Attributes:
        config, engine: Sections of params.yaml.
        model: The policy's folder.
        data: Folder the pinned files are fetched to.
        out: Gets a folder a benchmark.
        work: Folder of what is finished, until all is.
        log: What the engine that all share says goes there.
    """

    config: BenchmarksConfig
    engine: EngineSettings
    model: Path
    data: Path
    out: Path
    work: Path
    log: Path

    def engine_config(self) -> EngineConfig:
        """Greedy, whatever the evaluation's temperature: so the benchmarks are defined."""
        found = self.engine.of(self.model, temperature=0.0)
        return replace(found, max_model_len=self.config.max_model_len or found.max_model_len)

    def folder(self) -> Path:
        """Where the results are continued, only if all that makes them is the same."""
        facts = {**asdict(self.config), "engine": asdict(self.engine_config())}
        for name in ("names", "concurrency"):  # no score depends on them
            del facts[name]
        return self.work / key(**facts, files=fingerprint(self.model))


def benchmark(job: Job) -> dict[str, Metrics]:
    """The figures by benchmark; ``out/BENCHMARK`` gets every answer.

    What is finished stands in ``work`` until all is, as DVC empties ``out`` before it runs a stage
    again: a run that was killed continues where it stopped.

    Raises:
        tasks.benchmarks.options.MissingError, toolwoz.corpus.download.FetchError: what a
        benchmark needs
            is missing; found before an engine starts.
        EngineError: the engine does not start.
        ValueError: nothing of a benchmark could be scored.
    """
    job.out.mkdir(parents=True, exist_ok=True)
    # DVC warns of an empty folder, and this is what tells no benchmark from none finished.
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
    """What is reported: of each benchmark its score, how many items, and what bounds it."""
    kept = ("score", "items", "unscored", "ceiling", "floor")
    return {
        name: {field: value for field, value in metrics.to_json().items() if field in kept}
        for name, metrics in found.items()
    }
