"""Registration of a trained policy in MLflow: challenger, and champion if a gate passed it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from services.mlflow import provenance
from tasks.register.packing import pack

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RegisterConfig:
    """The section ``register``.

    Attributes:
        name: Name of the model in MLflow's registry; its versions are the policies of all runs.
    """

    name: str

    def __post_init__(self) -> None:
        if not self.name.strip() or self.name[0] == "." or set("/:") & set(self.name):
            rule = "MLflow takes one without / and : that begins with no dot"
            raise ValueError(f"name: {self.name!r} is no name of a model: {rule}")


@dataclass(frozen=True, slots=True)
class Registration:
    """A version in the registry.

    Attributes:
        name, version: Name and version for ``models:/NAME/VERSION``.
        aliases: ``challenger``, and ``champion`` if the gate promoted it.
        policy: Round and arm of the policy, as ``r1/josh_sft``.
        model_id: Id of the MLflow model of the version.
        reason: Reason of the gate.
    """

    name: str
    version: int
    aliases: tuple[str, ...]
    policy: str
    model_id: str
    reason: str


def choose(record: Mapping[str, Any]) -> tuple[str, bool, str]:
    """The policy to register, whether it is promoted, and the reason.

    It is the policy that a gate accepted last, or, if there is none, the candidate that was kept
    back, which does not become champion.

    Args:
        record: ``reports/metrics.json``.
    """
    gate = record["gate"]
    promoted = {
        f"{name}/{one['candidate']}": one["reason"]
        for name, one in record["rounds"].items()
        if one.get("decision") == "promoted"
    }
    if record["policy"] in promoted:
        return record["policy"], True, promoted[record["policy"]]
    return gate["candidate"], False, gate["reason"]


def register_policy(
    config: RegisterConfig,
    policy: str,
    folder: Path,
    metrics: Mapping[str, float],
    *,
    promote: bool,
    reason: str,
    card: str,
    on_hub: Mapping[str, str],
) -> Registration:
    """Store the policy in `folder` and make it a version; needs an active MLflow run.

    The folder, an output of DVC, is not changed; see :mod:`tasks.register.packing`.

    Raises:
        tasks.register.packing.PackingError: the folder has no model, a pickle, or a LoRA whose base
            is not available.
    """
    import mlflow

    round, _, arm = policy.rpartition("/")
    tags = {"round": round, "arm": arm, "reason": reason, **provenance.git_tags(), **_hashes()}
    with TemporaryDirectory() as place:
        model_id = _store(arm, folder, Path(place, "packed"), card, on_hub, tags)
    mlflow.log_metrics(dict(metrics), model_id=model_id)
    version = mlflow.register_model(f"models:/{model_id}", config.name, tags=tags)
    aliases = ("challenger", "champion") if promote else ("challenger",)
    client = mlflow.MlflowClient()
    for alias in aliases:
        client.set_registered_model_alias(config.name, alias, version.version)
    log.info("%s version %s is %s: %s", config.name, version.version, " and ".join(aliases), reason)
    return Registration(config.name, int(version.version), aliases, policy, model_id, reason)


def _store(
    arm: str,
    folder: Path,
    packed: Path,
    card: str,
    on_hub: Mapping[str, str],
    tags: Mapping[str, str],
) -> str:
    """Log the packed policy as an MLflow model; returns its id."""
    import mlflow
    from mlflow.entities import LoggedModelStatus
    from mlflow.models import Model

    client = mlflow.MlflowClient()
    # Not mlflow.transformers.log_model, which loads the whole model to run the example.
    logged = mlflow.initialize_logged_model(name=arm, model_type="policy", tags=dict(tags))
    model_id = str(logged.model_id)
    status = LoggedModelStatus.FAILED
    try:
        described = Model(model_id=model_id, model_uuid=model_id, run_id=logged.source_run_id)
        pack(folder, packed, described, card=card, on_hub=on_hub)
        client.log_model_artifacts(model_id, str(packed))
        status = LoggedModelStatus.READY
    finally:
        mlflow.finalize_logged_model(model_id, status)
    return model_id


def figures(arm: Mapping[str, Any]) -> dict[str, float]:
    """Reward and success by split of an arm of ``reports/metrics.json``: ``val.reward``..."""
    return {
        f"{split}.{figure}": metrics[figure]["value"]
        for split, metrics in arm.items()
        for figure in ("reward", "success")
        if metrics[figure]["value"] is not None
    }


def _hashes() -> dict[str, str]:
    """DVC's hashes of the inputs of the stage: the models, their data and their results."""
    deps = provenance.dvc_hashes(outs=False).deps
    return {f"dvc.{path}": md5 for path, md5 in deps.items()}
