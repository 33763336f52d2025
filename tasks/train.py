"""Train a policy on extracted rows with TRL: SFT, KTO or DPO, full or LoRA."""

from __future__ import annotations

import json
import logging
import math
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import PreTrainedModel, PreTrainedTokenizerBase, Trainer

log = logging.getLogger(__name__)

Method = Literal["sft", "kto", "dpo"]
Options = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Recipe:
    """One training run.

    Attributes:
        method: Which TRL trainer.
        dataset: Name of the extracted set it trains on.
        trl: Options of TRL's ``SFTConfig``, ``KTOConfig`` or ``DPOConfig``, under TRL's names.
        lora: Options of PEFT's ``LoraConfig``, under PEFT's names; empty trains every weight.
    """

    method: Method
    dataset: str
    trl: Options
    lora: Options


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """The section ``train``.

    Attributes:
        seed: Of the order of rows and of dropout.
        arms: Name of the trained model -> how it is trained, from the base policy.
    """

    seed: int
    arms: Mapping[str, Recipe]


@dataclass(frozen=True, slots=True)
class Trained:
    """What a training run reports: losses are nats a token (SFT) or the method's own."""

    rows: int
    tokens: int
    steps: int
    seconds: float
    loss: float


class TrainError(ValueError):
    """Rows, options or model that no training run should start with."""


def train_arm(
    config: TrainConfig, arm: str, model: Path, datasets: Path, out: Path, *, work: Path
) -> Trained:
    """Train one arm of the configuration from ``model``, on its set in ``datasets``.

    Raises:
        TrainError: there is no such arm; and as :func:`train`.
    """
    if arm not in config.arms:
        raise TrainError(f"params.yaml has no train.arms.{arm}; it has: {', '.join(config.arms)}")
    recipe = config.arms[arm]
    rows = read_rows(datasets / f"{recipe.dataset}.jsonl", COLUMNS[recipe.method])
    return train(recipe, rows, model, out, work=work, seed=config.seed)


def train(
    recipe: Recipe, rows: Dataset, model: Path, out: Path, *, work: Path, seed: int
) -> Trained:
    """Train ``model`` on ``rows`` and write model and tokenizer to ``out``.

    Checkpoints live in ``work`` until the run has finished: a killed run, started again with the
    same ``work``, continues from its last checkpoint.

    Raises:
        TrainError: no rows, an option TRL does not know, or a row a guard refuses.
        FileNotFoundError: there is no model at ``model``.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer

    if not (model / "config.json").exists():
        raise FileNotFoundError(f"no model at {model}: run the stage that makes it (dvc repro)")
    tokenizer = AutoTokenizer.from_pretrained(model)
    policy = AutoModelForCausalLM.from_pretrained(model, dtype="float32")
    return fit(recipe, rows, policy, tokenizer, out, work=work, seed=seed)


def fit(
    recipe: Recipe,
    rows: Dataset,
    policy: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    out: Path,
    *,
    work: Path,
    seed: int,
) -> Trained:
    """As :func:`train`, for a model and tokenizer already in memory."""
    if len(rows) == 0:
        raise TrainError(f"the set {recipe.dataset!r} has no rows: harvest more scenarios")
    trainer = build_trainer(recipe, rows, policy, tokenizer, work, seed)
    started = any(work.glob("checkpoint-*"))
    if started:
        log.info("continuing from the last checkpoint in %s", work)
    outcome = trainer.train(resume_from_checkpoint=started)
    if not math.isfinite(outcome.training_loss):
        raise TrainError(
            f"the loss became {outcome.training_loss}: lower train.*.trl.learning_rate"
        )
    save(trainer, tokenizer, out)
    shutil.rmtree(work, ignore_errors=True)
    return Trained(
        rows=len(rows),
        tokens=int(trainer.state.num_input_tokens_seen),
        steps=outcome.global_step,
        seconds=outcome.metrics["train_runtime"],
        loss=outcome.training_loss,
    )


def save(trainer: Trainer, tokenizer: PreTrainedTokenizerBase, out: Path) -> None:
    """Write the model, a LoRA merged into its base, as safetensors that every engine loads."""
    model = trainer.accelerator.unwrap_model(trainer.model)
    if hasattr(model, "merge_and_unload"):
        model = model.merge_and_unload()
    partial = out.with_name(out.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    model.save_pretrained(partial)
    tokenizer.save_pretrained(partial)
    shutil.rmtree(out, ignore_errors=True)
    partial.rename(out)


def read_rows(path: Path, columns: tuple[str, ...]) -> Dataset:
    """Rows of an extracted set (JSONL), reduced to the columns its trainer reads.

    ``tools`` and a call's ``arguments`` stay JSON text: Arrow would otherwise give every tool
    the union of all tools' parameters.
    """
    from datasets import Dataset

    with path.open(encoding="utf-8") as file:
        records = [json.loads(line) for line in file]
    return Dataset.from_list([{name: row[name] for name in columns} for row in records])


COLUMNS: Mapping[Method, tuple[str, ...]] = {
    "sft": ("messages", "tools"),
    "kto": ("prompt", "completion", "label", "tools"),
    "dpo": ("prompt", "chosen", "rejected", "tools"),
}


TRAINERS: Mapping[Method, tuple[str, str]] = {
    "sft": ("SFTConfig", "SFTTrainer"),
    "kto": ("KTOConfig", "KTOTrainer"),
    "dpo": ("DPOConfig", "DPOTrainer"),
}
"""TRL's names of the options and of the trainer of each method."""


def build_trainer(
    recipe: Recipe,
    rows: Dataset,
    policy: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    work: Path,
    seed: int,
) -> Trainer:
    """TRL's trainer of the recipe's method; what it needs as a reference it makes itself.

    Raises:
        TrainError: TRL does not know an option.
    """
    import trl

    config, trainer = (getattr(trl, name) for name in TRAINERS[recipe.method])
    options = {
        "output_dir": str(work),
        "seed": seed,
        "data_seed": seed,
        "include_num_input_tokens_seen": "all",
        **recipe.trl,
    }
    try:
        args = config(**options)
    except TypeError as error:
        raise TrainError(f"params.yaml: {config.__name__} of TRL: {error}") from error
    return trainer(
        policy,
        args=args,
        train_dataset=rows,
        processing_class=tokenizer,
        peft_config=_lora(recipe),
    )


def _lora(recipe: Recipe) -> Any:
    if not recipe.lora:
        return None
    from peft import LoraConfig

    return LoraConfig(task_type="CAUSAL_LM", **recipe.lora)
