"""General benchmarks besides the pipeline's own evaluation, all of one shape.

    python -m tasks.benchmarks toolalpaca --model http://127.0.0.1:8000/v1 --limit 20

``suites`` holds the benchmarks, ``shape`` their common shape; ``runs`` asks the policy the items
and computes the figures.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import cast

from tasks.benchmarks.options import MissingError, Options
from tasks.benchmarks.shape import Benchmark

BENCHMARKS: Mapping[str, str] = {
    "apibench-huggingface": "tasks.benchmarks.suites.apibench.suite:open_huggingface",
    "apibench-tensorflowhub": "tasks.benchmarks.suites.apibench.suite:open_tensorflowhub",
    "apibench-torchhub": "tasks.benchmarks.suites.apibench.suite:open_torchhub",
    "bbh": "tasks.benchmarks.suites.general.suite:open_bbh",
    "bfcl": "tasks.benchmarks.suites.bfcl.suite:open_benchmark",
    "gsm8k": "tasks.benchmarks.suites.general.suite:open_gsm8k",
    "ifeval": "tasks.benchmarks.suites.general.suite:open_ifeval",
    "mt-bench": "tasks.benchmarks.suites.mt_bench.suite:open_pairs",
    "mt-bench-answers": "tasks.benchmarks.suites.mt_bench.suite:open_answers",
    "tau-airline": "tasks.benchmarks.suites.tau_bench:open_airline",
    "tau-retail": "tasks.benchmarks.suites.tau_bench:open_retail",
    "toolalpaca": "tasks.benchmarks.suites.toolalpaca.suite:open_benchmark",
    "toolalpaca-judge": "tasks.benchmarks.suites.toolalpaca.judge:open_benchmark",
    "toolbench": "tasks.benchmarks.suites.toolbench.suite:open_benchmark",
    "toolbench-pass-rate": "tasks.benchmarks.suites.toolbench.pass_rate:open_benchmark",
    "toolwoz": "tasks.benchmarks.suites.toolwoz:open_v2",
    "toolwoz-parity": "tasks.benchmarks.suites.toolwoz:open_parity",
}
"""Name -> module and function that opens it; imported only when needed, for its packages."""
OURS = frozenset({"dialogue", "flows", "josh", "services", "tasks", "toolwoz", "worlds"})
PACKAGES: Mapping[str, str] = {
    "tree_sitter": "tree-sitter tree-sitter-python",
    "tree_sitter_python": "tree-sitter tree-sitter-python",
}
"""Module -> the packages to install for it, if their names differ."""


def open_benchmark(name: str, options: Options) -> Benchmark:
    """The benchmark of that name, its data fetched and verified.

    Raises:
        ValueError: no benchmark has that name.
        tasks.benchmarks.options.MissingError: a package or a helper that it needs is missing.
        dialogue.files.download.FetchError: its data cannot be downloaded.
    """
    if name not in BENCHMARKS:
        raise ValueError(f"no benchmark {name!r}; known: {', '.join(BENCHMARKS)}")
    module, _, function = BENCHMARKS[name].partition(":")
    try:
        opener = cast(Callable[[Options], Benchmark], getattr(import_module(module), function))
        return opener(options)
    except ImportError as error:
        if error.name is not None and error.name.partition(".")[0] in OURS:
            raise  # a bug, not a package to install
        raise MissingError(_to_install(name, error)) from error


def _to_install(name: str, error: ImportError) -> str:
    if error.name is None:  # raised by our own code, with what to do
        return f"{name}: {error}"
    package = PACKAGES.get(error.name, error.name)
    return f"{name} needs {error.name}, which is not installed: uv pip install {package}"
