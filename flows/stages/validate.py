"""Stage validate: Great Expectations checks the raw corpus before any other stage runs."""

from __future__ import annotations

from flows import paths
from flows.reports import report
from flows.server.runtime import flow, task
from flows.stage import main
from services.mlflow import tracking
from tasks.validate.job import ValidateConfig, require_valid, to_record, validate_corpus

DOCS = paths.REPORTS / "data_docs"


@flow
def validate(config: ValidateConfig) -> None:
    verdict = task(validate_corpus)(config, paths.RAW, DOCS)
    record = to_record(verdict)
    figures = {"validate": {"failed": record["failed"]}}
    report(paths.REPORTS / "validation.json", record, figures)
    tracking.log_artifact(DOCS)
    task(require_valid)(verdict)


if __name__ == "__main__":
    main(validate)
