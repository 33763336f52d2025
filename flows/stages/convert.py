"""Stage convert: dialogues become scenarios that prove themselves."""

from __future__ import annotations

from typing import Any

from flows import paths, reports
from flows.server.runtime import flow, task
from flows.stage import main
from services.mlflow import tracking
from tasks import convert as work
from tasks.convert import ConvertConfig


@task()
def build(config: ConvertConfig) -> dict[str, Any]:
    """Read data/raw, write data/toolwoz."""
    return work.convert(config, paths.RAW, paths.CORPUS)


@task()
def tell(report: dict[str, Any]) -> None:
    """Write reports/conversion.json and log it."""
    reports.write(paths.REPORTS / "conversion.json", report)
    sizes = {f"convert.scenarios.{split}": n for split, n in report["scenarios"].items()}
    tracking.report({**sizes, "convert.dropped": sum(report["dropped"].values())})


@flow
def convert(config: ConvertConfig) -> None:
    tell(build(config))


if __name__ == "__main__":
    main(convert)
