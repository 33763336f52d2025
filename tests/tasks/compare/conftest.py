"""The fixtures of the benchmarks' tests."""

from tests.tasks.benchmarks.conftest import right, sums

__all__ = ["right", "sums"]
