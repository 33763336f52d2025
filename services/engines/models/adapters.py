"""LoRA adapters as engines serve them: on their base, which is loaded once for all of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from services.names import ADAPTER

BASE = "base.json"
"""File in it that says which weights the LoRA was trained on, by their SHA-256."""
RANKS = (8, 16, 32, 64, 128, 256, 320, 512)
"""The values that vLLM takes for the highest rank."""
UNSERVED = ("use_dora", "lora_bias", "modules_to_save", "trainable_token_indices")
"""Options of PEFT's LoraConfig with which vLLM does not serve a LoRA."""


@dataclass(frozen=True, slots=True)
class Adapter:
    """A LoRA.

    Attributes:
        policy: Folder of the trained policy, which has the tokenizer.
        base: Folder of the model that it was trained on.
        name: SHA-256 of its weights and configuration. Engines cache by name: what they keep for
            one adapter never answers for another.
        rank: Highest rank of its matrices.
    """

    policy: Path
    base: Path
    name: str
    rank: int

    @property
    def folder(self) -> Path:
        return self.policy / ADAPTER

    @property
    def number(self) -> int:
        """A positive number that stands for the name in vLLM."""
        return int(self.name[:12], 16) + 1


def write_base(base: Path, policy: Path) -> None:
    """Note in a policy's folder which weights its LoRA was trained on."""
    note = json.dumps({"sha256": content(base)})
    (policy / ADAPTER / BASE).write_text(note + "\n", encoding="utf-8")


def is_alone(policy: Path) -> bool:
    """Whether a policy's folder has a LoRA and no whole model."""
    return (policy / ADAPTER).is_dir() and not (policy / "config.json").is_file()


def find(policy: Path) -> Adapter | None:
    """The LoRA of a trained policy; None if it has none that an engine serves on its base.

    Raises:
        ValueError: its base is not there, or has other weights than it was trained on.
    """
    folder = policy / ADAPTER
    if not (folder / BASE).is_file():
        return None
    config = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
    rank = max([config["r"], *(config.get("rank_pattern") or {}).values()])
    base = Path(config["base_model_name_or_path"])
    if rank > RANKS[-1] or not _is_plain(config):
        return None
    if not (base / "config.json").is_file():
        raise ValueError(
            f"{folder} was trained on {base}, which is not here: run the stage that makes it "
            "(dvc repro)"
        )
    trained_on = json.loads((folder / BASE).read_text(encoding="utf-8"))["sha256"]
    if content(base) != trained_on:
        raise ValueError(
            f"{folder} was trained on other weights than {base} has now: run the stage that trains "
            "it (dvc repro)"
        )
    return Adapter(policy, base, content(folder), rank)


def arguments(adapters: Iterable[Adapter]) -> dict[str, Any]:
    """Fields of vLLM's EngineArgs for an engine that serves these adapters."""
    served = list(adapters)
    if not served:
        return {}
    highest = max(one.rank for one in served)
    rank = next(rank for rank in RANKS if rank >= highest)
    return {"enable_lora": True, "max_loras": len(served), "max_lora_rank": rank}


def content(folder: Path) -> str:
    """SHA-256 of the weights and the configuration of a model or an adapter."""
    files = [*folder.glob("*config.json"), *folder.glob("*.safetensors")]
    facts = [(path, path.stat().st_size, path.stat().st_mtime_ns) for path in sorted(files)]
    return _content(tuple(facts))


@cache
def _content(files: tuple[tuple[Path, int, int], ...]) -> str:
    """The same, once for files that have not changed since."""
    whole = hashlib.sha256()
    for path, _, _ in files:
        if path.name.startswith(("tokenizer", "generation")):
            continue
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        whole.update(f"{path.name} {digest}\n".encode())
    return whole.hexdigest()


def _is_plain(config: Mapping[str, Any]) -> bool:
    is_lora = config.get("peft_type") == "LORA" and config.get("bias", "none") == "none"
    return is_lora and not any(config.get(option) for option in UNSERVED)
