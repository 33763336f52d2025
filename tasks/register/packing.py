"""Packing of a policy for the registry: an MLflow model whose folder ``model`` loads anywhere.

transformers and vLLM load ``model``: weights, tokenizer, chat template and card. A LoRA is merged
into them in float32, and adds ``model/adapter``, which PEFT loads, and ``model/base``, its base:
PEFT's own configuration has a path of the machine that trained the LoRA, which exists nowhere else.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from services.engines.models.adapters import is_alone
from services.engines.models.merging import export

if TYPE_CHECKING:
    from mlflow.models import Model

MODEL, ADAPTER, BASE = "model", "adapter", "base"
"""Folders: MLflow's for the model; inside it, those of the LoRA and of its base."""
PICKLES = frozenset({".bin", ".ckpt", ".pickle", ".pkl", ".pt", ".pth"})
"""Suffixes of files that may run code when loaded: none enters the registry."""
REQUIRED = ("accelerate", "safetensors", "tokenizers", "torch", "transformers")
EXAMPLE: Mapping[str, Any] = {
    "messages": [{"role": "user", "content": "I need a cheap hotel in the north, please."}],
    "max_tokens": 64,
}
"""Example input in the registry; MLflow's signature of a chat has no tools."""


class PackingError(ValueError):
    """The policy cannot enter the registry."""


def require_safe(folder: Path) -> None:
    """Refuse a folder without a model, and a model with pickled files.

    Raises:
        PackingError: the message says which.
    """
    if not (folder / "config.json").is_file() and not is_alone(folder):
        raise PackingError(f"no model in {folder}: run the stage that trains it (dvc repro)")
    pickles = sorted(path.name for path in folder.rglob("*") if path.suffix in PICKLES)
    if pickles:
        raise PackingError(
            f"{folder} holds {', '.join(pickles)}: pickled files do not enter the registry; "
            "save the weights as safetensors and nothing else"
        )


def adapter_base(folder: Path, on_hub: Mapping[str, str]) -> str | None:
    """The base of the packed LoRA: its Hub id, or BASE; None without a LoRA.

    Args:
        folder: Folder of the trained policy.
        on_hub: Path -> ``ORGANISATION/NAME@REVISION``, for bases that are on the Hub.

    Raises:
        PackingError: the base is neither on the Hub nor here.
    """
    if not (folder / ADAPTER).is_dir():
        return None
    named = _adapter_config(folder)["base_model_name_or_path"]
    if named in on_hub:
        return on_hub[named]
    if not Path(named, "config.json").is_file():
        raise PackingError(
            f"{folder / ADAPTER} was trained on {named}, which is not here, so its LoRA could not "
            "be loaded; run the stage that makes the base (dvc repro)"
        )
    return BASE


def pack(folder: Path, out: Path, model: Model, *, card: str, on_hub: Mapping[str, str]) -> None:
    """Write the policy in `folder` to `out` as an MLflow model, which `model` then describes.

    Raises:
        PackingError: as :func:`require_safe` and :func:`adapter_base`.
    """
    import mlflow.transformers
    from huggingface_hub import ModelCard

    require_safe(folder)
    base = adapter_base(folder, on_hub)
    with TemporaryDirectory() as place:
        _lay_out(folder, Path(place), base, card)
        mlflow.transformers.save_model(
            # Absolute, as MLflow would look for `models/kto` on the Hub.
            str(Path(place).resolve()),
            str(out),
            task="llm/v1/chat",
            input_example=dict(EXAMPLE),
            model_card=ModelCard(card),
            pip_requirements=[f"{name}=={version(name).split('+')[0]}" for name in REQUIRED],
            mlflow_model=model,
        )
    # Both hold the name of the temporary folder; the licence is in the card.
    (out / "LICENSE.txt").unlink(missing_ok=True)
    del model.flavors["transformers"]["source_model_name"]
    model.save(str(out / "MLmodel"))


def _lay_out(folder: Path, place: Path, base: str | None, card: str) -> None:
    """Make the folder ``model`` of links, whose targets MLflow copies, and of merged weights."""
    if is_alone(folder):
        export(folder, place)
    for path in () if is_alone(folder) else folder.iterdir():
        if path.name != ADAPTER and not path.name.startswith("."):
            (place / path.name).symlink_to(path.resolve())
    (place / "README.md").write_text(card, encoding="utf-8")
    if base is None:
        return
    shutil.copytree(folder / ADAPTER, place / ADAPTER)
    config = _adapter_config(folder)
    name, _, revision = base.partition("@")
    named = {"base_model_name_or_path": name, "revision": revision or None}
    (place / ADAPTER / "adapter_config.json").write_text(
        json.dumps({**config, **named}, indent=2), encoding="utf-8"
    )
    if base == BASE:
        (place / BASE).symlink_to(Path(config["base_model_name_or_path"]).resolve())


def _adapter_config(folder: Path) -> dict[str, Any]:
    text = (folder / ADAPTER / "adapter_config.json").read_text(encoding="utf-8")
    return dict(json.loads(text))
