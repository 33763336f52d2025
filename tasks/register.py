"""A trained policy enters MLflow's registry: challenger at once, champion if a gate passed it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tasks import provenance

log = logging.getLogger(__name__)

PICKLES = frozenset({".bin", ".ckpt", ".pickle", ".pkl", ".pt", ".pth"})
"""Loading such a file may run code: none enters the registry."""


@dataclass(frozen=True, slots=True)
class RegisterConfig:
    """The section ``register``.

    Attributes:
        name: Of the model in MLflow's registry; its versions are the policies of all runs.
    """

    name: str


@dataclass(frozen=True, slots=True)
class Registration:
    """A version in the registry.

    Attributes:
        name, version: ``models:/NAME/VERSION`` loads it.
        aliases: ``challenger``, and ``champion`` if it was promoted.
        policy: The round and the arm that it comes from, ``r1/josh_sft``.
        model_id: Of the MLflow model behind the version.
        reason: Why it was promoted, or was not.
    """

    name: str
    version: int
    aliases: tuple[str, ...]
    policy: str
    model_id: str
    reason: str


class RegisterError(ValueError):
    """The policy is not fit for the registry."""


def choose(record: Mapping[str, Any]) -> tuple[str, bool, str]:
    """The policy to register, whether it is promoted, and why.

    It is the one that a gate accepted last; where none did, the candidate that was kept back, which
    is no champion.

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


def register(
    config: RegisterConfig,
    policy: str,
    folder: Path,
    metrics: Mapping[str, float],
    *,
    promote: bool,
    reason: str,
    card: str,
) -> Registration:
    """Store the policy in `folder` and make it a version; needs an active MLflow run.

    `card` becomes its README.md; the folder itself, an output of DVC, stays as it is.

    Raises:
        RegisterError: there is no model in the folder, or a pickle.
    """
    import mlflow

    _require_safe(folder)
    round, _, arm = policy.rpartition("/")
    tags = {"round": round, "arm": arm, "reason": reason, **provenance.git_tags(), **_hashes()}
    model = mlflow.initialize_logged_model(name=arm, model_type="policy", tags=tags)
    client = mlflow.MlflowClient()
    client.log_model_artifacts(model.model_id, str(folder))
    with TemporaryDirectory() as place:
        readme = Path(place, "README.md")
        readme.write_text(card, encoding="utf-8")
        client.log_model_artifact(model.model_id, str(readme))
    mlflow.finalize_logged_model(model.model_id, "READY")
    mlflow.log_metrics(dict(metrics), model_id=model.model_id)
    version = mlflow.register_model(f"models:/{model.model_id}", config.name, tags=tags)
    aliases = ("challenger", "champion") if promote else ("challenger",)
    for alias in aliases:
        client.set_registered_model_alias(config.name, alias, version.version)
    log.info("%s version %s is %s: %s", config.name, version.version, " and ".join(aliases), reason)
    return Registration(
        config.name, int(version.version), aliases, policy, str(model.model_id), reason
    )


def figures(arm: Mapping[str, Any]) -> dict[str, float]:
    """Reward and success by split of an arm of ``reports/metrics.json``: ``val.reward``..."""
    return {
        f"{split}.{figure}": metrics[figure]["value"]
        for split, metrics in arm.items()
        for figure in ("reward", "success")
        if metrics[figure]["value"] is not None
    }


def _require_safe(folder: Path) -> None:
    if not (folder / "config.json").is_file() and not (folder / "adapter_config.json").is_file():
        raise RegisterError(f"no model in {folder}: run the stage that trains it (dvc repro)")
    pickles = sorted(path.name for path in folder.rglob("*") if path.suffix in PICKLES)
    if pickles:
        raise RegisterError(
            f"{folder} holds {', '.join(pickles)}: pickled files do not enter the registry; "
            "save the weights as safetensors and nothing else"
        )


def _hashes() -> dict[str, str]:
    """The DVC hashes of what the version is made from and was judged by."""
    deps = provenance.dvc_hashes(outs=False).deps
    return {f"dvc.{path}": md5 for path, md5 in deps.items()}
