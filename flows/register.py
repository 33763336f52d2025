"""Stage register: the policy that the gate judged enters MLflow's registry."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from flows import paths, reports
from flows.runtime import flow, task
from flows.stage import main
from tasks import register as work
from tasks.register import RegisterConfig, Registration


@task()
def enter(config: RegisterConfig, record: Mapping[str, Any]) -> Registration:
    """Make the gate's candidate a version: challenger, and champion if it was promoted."""
    gate = record["gate"]
    arm = gate["candidate"]
    return work.register(
        config,
        arm,
        paths.MODELS / arm,
        work.figures(record["arms"][arm]),
        promote=gate["decision"] == "promoted",
        reason=gate["reason"],
    )


@task()
def tell(registration: Registration) -> None:
    """Write reports/registration.json."""
    reports.write(paths.REPORTS / "registration.json", asdict(registration))


@flow
def register(config: RegisterConfig) -> None:
    record = json.loads((paths.REPORTS / "metrics.json").read_text(encoding="utf-8"))
    tell(enter(config, record))


if __name__ == "__main__":
    main(register)
