"""Stage validate: Great Expectations guards the raw corpus, before any other time is spent."""

from __future__ import annotations

from flows import paths, reports
from flows.server.runtime import flow, task
from flows.stage import main
from services.mlflow import tracking
from tasks.validate import job as work
from tasks.validate.job import ValidateConfig, Verdict

DOCS = paths.REPORTS / "data_docs"


@task()
def check(config: ValidateConfig) -> Verdict:
    """Compare data/raw with what is expected of it; Data Docs in reports/data_docs."""
    return work.validate(config, paths.RAW, DOCS)


@task()
def tell(verdict: Verdict) -> None:
    """Write reports/validation.json and log it, with the Data Docs."""
    report = work.report(verdict)
    reports.write(paths.REPORTS / "validation.json", report)
    tracking.report({f"validate.failed.{name}": n for name, n in report["failed"].items()})
    tracking.keep(DOCS)


@task()
def gate(verdict: Verdict) -> None:
    """Stop the pipeline if a critical expectation failed."""
    work.require(verdict)


@flow
def validate(config: ValidateConfig) -> None:
    verdict = check(config)
    tell(verdict)
    gate(verdict)


if __name__ == "__main__":
    main(validate)
