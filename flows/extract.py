"""Stage extract: turn trees into the rows that trainers read."""

from __future__ import annotations

from collections.abc import Mapping

from flows import paths, reports
from flows.runtime import flow, task
from flows.stage import main
from josh.curation import Report
from tasks import extract as work
from tasks import tracking
from tasks.extract import ExtractConfig


@task()
def make_sets(config: ExtractConfig) -> dict[str, Report]:
    """Write every training set."""
    return work.extract(config, paths.TREES, paths.DATASETS)


@task()
def tell(found: Mapping[str, Report]) -> None:
    """Write reports/extraction.json and log it."""
    record = {name: report.to_json() for name, report in found.items()}
    reports.write(paths.REPORTS / "extraction.json", record)
    tracking.report({f"extract.{name}.rows": report.rows for name, report in found.items()})


@flow
def extract(config: ExtractConfig) -> None:
    tell(make_sets(config))


if __name__ == "__main__":
    main(extract, "extract")
