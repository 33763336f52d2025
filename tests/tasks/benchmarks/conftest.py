"""The real benchmarks from the mirror folder."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.benchmarks import open_benchmark
from tasks.benchmarks.options import Options
from tasks.benchmarks.shape import Benchmark


@pytest.fixture(scope="session")
def data(tmp_path_factory) -> Options:
    """Where the real benchmarks are; without a mirror folder the test is skipped."""
    mirror = os.environ.get("TOOLWOZ_MIRROR")
    if not mirror:
        pytest.skip("TOOLWOZ_MIRROR names no mirror folder with the benchmarks' data")
    return Options(tmp_path_factory.mktemp("benchmarks"), Path(mirror))


@pytest.fixture(scope="session")
def opened(data) -> Callable[[str], Benchmark]:
    """Opens a benchmark by name, once a session."""
    found: dict[str, Benchmark] = {}

    def of(name: str) -> Benchmark:
        if name not in found:
            found[name] = open_benchmark(name, data)
        return found[name]

    return of
