"""TRL's trainers, made from a recipe."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from services.engines.models.prompt import show_alike
from tasks.train.recipe import NOTHING, Holdout, Method, Options, Recipe, TrainError
from tasks.train.rows import columns

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import PreTrainedModel, PreTrainedTokenizerBase, Trainer

TRAINERS: Mapping[Method, tuple[str, str, str]] = {
    "sft": ("SFTConfig", "SFTTrainer", "SFTOnTrees"),
    "kto": ("KTOConfig", "KTOTrainer", "KTOOnTrees"),
    "dpo": ("DPOConfig", "DPOTrainer", "DPOOnTrees"),
}
"""Method -> TRL's classes of its options and its trainer, and the latter on trees."""
WATCHED: Options = {
    "eval_strategy": "epoch",
    "save_strategy": "epoch",
    "load_best_model_at_end": True,
    "metric_for_best_model": "eval_loss",
    "greater_is_better": False,
}
"""Options that an early stop needs; the recipe may set others."""


def arguments(recipe: Recipe, work: Path, seed: int, *, watched: bool) -> Any:
    """TRL's options for a recipe: an ``SFTConfig``, ``KTOConfig`` or ``DPOConfig``.

    Args:
        recipe: The recipe.
        work: Folder of the checkpoints.
        seed: Seed of the training and of the order of the rows.
        watched: Whether rows are held out for evaluation.

    Raises:
        TrainError: TRL does not know an option, or refuses it with another one.
    """
    import trl
    from transformers.integrations import is_mlflow_available

    config = getattr(trl, TRAINERS[recipe.method][0])
    options = {
        "output_dir": str(work),
        "seed": seed,
        "data_seed": seed,
        "trust_remote_code": False,
        "include_num_input_tokens_seen": "all",
        # else a NaN loss is logged as the mean of those before
        "logging_nan_inf_filter": False,
        "disable_tqdm": not sys.stderr.isatty(),
        **(WATCHED if watched else {}),
        **recipe.trl,
    }
    try:
        args = config(**options)
    except (TypeError, ValueError) as error:
        raise TrainError(f"params.yaml: {config.__name__} of TRL: {error}") from error
    if not is_mlflow_available():  # DISABLE_MLFLOW_INTEGRATION
        args.report_to = [one for one in args.report_to if one != "mlflow"]
    return args


def build_trainer(
    recipe: Recipe,
    args: Any,
    rows: Dataset,
    held_out: Dataset | None,
    policy: PreTrainedModel | str,
    tokenizer: PreTrainedTokenizerBase,
    holdout: Holdout,
    template_kwargs: Options = NOTHING,
    trees: Path | None = None,
) -> Trainer:
    """TRL's trainer of the recipe's method, which makes its own reference model.

    `tokenizer` renders what TRL gives it as engines do, from here on, with those arguments. If
    there is a folder `trees`, for log-probabilities of references, it trains on trees.
    """
    from transformers import EarlyStoppingCallback

    from tasks.train.guards.finite import FiniteGradients
    from tasks.train.logs.curves import outlive_mlflow
    from tasks.train.logs.lines import log_progress
    from tasks.train.logs.losses import AtEverySave

    show_alike(tokenizer, template_kwargs)
    callbacks = [AtEverySave(), FiniteGradients()]
    early = EarlyStoppingCallback(holdout.early_stopping_patience, holdout.early_stopping_threshold)
    reads = list(columns(recipe.method, dict.fromkeys(rows.column_names)))
    trainer: Trainer = _trainer(recipe.method, trees)(
        policy,
        args=args,
        train_dataset=rows.select_columns(reads),
        eval_dataset=None if held_out is None else held_out.select_columns(reads),
        processing_class=tokenizer,
        peft_config=lora_config(recipe),
        callbacks=callbacks if held_out is None else [*callbacks, early],
        quantization_config=quantization_config(recipe),
    )
    outlive_mlflow(trainer)
    log_progress(trainer)
    return trainer


def _trainer(method: Method, trees: Path | None) -> Any:
    _, plain, on_trees = TRAINERS[method]
    if trees is None:
        import trl

        return getattr(trl, plain)
    from tasks.train.packing import trainers

    return partial(getattr(trainers, on_trees), kept=trees)


def lora_config(recipe: Recipe) -> Any:
    """PEFT's configuration of the recipe's LoRA; None if every weight is trained.

    Raises:
        TrainError: PEFT does not know an option.
    """
    if not recipe.lora:
        return None
    from peft import LoraConfig

    try:
        return LoraConfig(task_type="CAUSAL_LM", **recipe.lora)
    except (TypeError, ValueError) as error:
        raise TrainError(f"params.yaml: LoraConfig of PEFT: {error}") from error


def quantization_config(recipe: Recipe) -> Any:
    """transformers' ``BitsAndBytesConfig`` for QLoRA; None without quantization."""
    if not recipe.quantization:
        return None
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(**recipe.quantization)
