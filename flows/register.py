"""Stage register: the policy that the gate judged enters MLflow's registry."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from flows import paths, reports
from flows.runtime import flow, task
from flows.stage import main
from tasks import provenance
from tasks import register as work
from tasks.model_card import card
from tasks.register import RegisterConfig, Registration


@task()
def enter(
    config: RegisterConfig, record: Mapping[str, Any], settings: Mapping[str, Mapping[str, Any]]
) -> Registration:
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
        card=card(arm, record, settings, provenance.dvc_hashes(outs=False).deps),
    )


@task()
def tell(registration: Registration) -> None:
    """Write reports/registration.json."""
    reports.write(paths.REPORTS / "registration.json", asdict(registration))


@flow
def register(config: RegisterConfig, bootstrap: Any, harvest: Any, train: Any) -> None:
    record = json.loads((paths.REPORTS / "metrics.json").read_text(encoding="utf-8"))
    settings = {
        "bootstrap": asdict(bootstrap),
        "harvest": asdict(harvest),
        "train": asdict(train),
    }
    tell(enter(config, record, settings))


if __name__ == "__main__":
    main(register, "register", "bootstrap", "harvest", "train")
