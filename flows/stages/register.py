"""Stage register: the policy that the rounds led to enters MLflow's registry."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from flows import paths, reports
from flows.params import Section
from flows.server.runtime import flow, task
from flows.stage import main
from services.mlflow import provenance
from tasks.register.job import (
    RegisterConfig,
    Registration,
    choose,
    figures,
    register_policy,
)
from tasks.register.model_card import card, hub_id
from tasks.register.packing import adapter_base
from tasks.train.recipe import START, TrainConfig


@task
def enter(
    config: RegisterConfig,
    record: Mapping[str, Any],
    settings: Mapping[str, Mapping[str, Any]],
    train: TrainConfig,
) -> Registration:
    """Make a version of the policy accepted last, or of the candidate where none was."""
    policy, promote, reason = choose(record)
    round, _, arm = policy.partition("/")
    folder = paths.ARMS / round / train.place(arm)
    name = hub_id(settings["bootstrap"])
    is_first = record["rounds"][round]["start"] == "base"
    on_hub = {str(paths.ARMS / round / START): name} if name and is_first else {}
    recipe = asdict(train.policies[arm])
    hashes = provenance.dvc_hashes(outs=False).deps
    return register_policy(
        config,
        policy,
        folder,
        figures(record["arms"][policy]),
        promote=promote,
        reason=reason,
        card=card(policy, record, settings, recipe, hashes, adapter_base(folder, on_hub)),
        on_hub=on_hub,
    )


@flow
def register(
    config: RegisterConfig, bootstrap: Section, harvest: Section, train: TrainConfig
) -> None:
    record = json.loads((paths.REPORTS / "metrics.json").read_text(encoding="utf-8"))
    settings = {"bootstrap": asdict(bootstrap), "harvest": asdict(harvest)}
    registration = enter(config, record, settings, train)
    reports.write(paths.REPORTS / "registration.json", asdict(registration))


if __name__ == "__main__":
    main(register, "register", "bootstrap", "harvest", "train")
