"""Train a policy on extracted rows with TRL: SFT, KTO or DPO, full, LoRA or QLoRA."""

from __future__ import annotations

import logging
import math
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from services import endpoint_model
from services.engines.models import own_code
from services.engines.models.adapters import content, is_alone
from services.engines.models.merging import export
from services.heartbeat import heartbeat
from services.names import ADAPTER
from tasks.train import checkpoints
from tasks.train.guards.guards import check
from tasks.train.guards.options import require
from tasks.train.guards.rendering import Renderer
from tasks.train.guards.subject import Subject, render
from tasks.train.launch import PROCESSES, launch, require_own_processes
from tasks.train.memory import GIB, estimate
from tasks.train.recipe import (
    NOTHING,
    Arm,
    Continued,
    Holdout,
    Options,
    Packing,
    Recipe,
    TrainConfig,
    TrainError,
)
from tasks.train.rows import hold_out, read_rows
from tasks.train.saving import save
from tasks.train.trainers import arguments, build_trainer
from tasks.train.turns import as_trained

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

__all__ = [
    "Arm",
    "Continued",
    "Holdout",
    "Options",
    "Packing",
    "Recipe",
    "TrainConfig",
    "TrainError",
    "Trained",
    "fit",
    "train_arm",
]

log = logging.getLogger(__name__)

NO_HOLDOUT = Holdout()
REFERENCES = ".references"
"""Folder of the log-probabilities that references gave to sets, beside the trainings' folders."""


@dataclass(frozen=True, slots=True)
class Trained:
    """What a training run reports.

    Attributes:
        rows: Trained on; ``held_out``: watched instead.
        tokens: Read in training, padding included.
        steps: Steps of the optimizer.
        seconds: Seconds of training.
        loss: Mean over the run, in nats a token (SFT) or the method's own unit.
        best_loss: Lowest on the held-out rows, of the model that was kept; None without them.
        bfloat16_keeps: Share of a LoRA's update that is left where it is merged and cast to
            bfloat16; None without a LoRA.
    """

    rows: int
    held_out: int
    tokens: int
    steps: int
    seconds: float
    loss: float
    best_loss: float | None
    bfloat16_keeps: float | None


def train_arm(
    config: TrainConfig,
    arm: str,
    round: Path,
    datasets: Path,
    *,
    work: Path,
    template_kwargs: Options = NOTHING,
) -> Trained:
    """Train one arm on its set in `datasets`, below the round's folder, as ``arms/r1``.

    The chat template gets `template_kwargs`, as the engine that played the dialogues.

    Raises:
        TrainError: there is no such arm, an option cannot work here, or the model needs code of
            its own; and as :func:`fit`.
        ValueError: the arm continues a LoRA whose base has changed.
        FileNotFoundError: there is no model to start from.
    """
    if arm not in config.policies:
        known = ", ".join(config.policies)
        raise TrainError(f"params.yaml has no train.arms.{arm}; it has: {known}")
    require(config.policies[arm])
    start = round / config.origin(arm)
    if is_alone(start):
        start = _whole(start, work / PROCESSES if config.accelerate else work)
    if config.accelerate:
        return Trained(**launch(config, arm, round, datasets, work, template_kwargs))
    recipe = config.policies[arm]
    if name := endpoint_model.name_of(start):
        raise TrainError(
            f"{start} is {name}, which an endpoint serves and others train: write its fine-tuning "
            "file with python -m flows.tools.finetune"
        )
    if not (start / "config.json").exists():
        raise FileNotFoundError(f"no model at {start}: run the stage that makes it (dvc repro)")
    if reason := own_code.needed(start):
        raise TrainError(reason)
    from transformers import AutoTokenizer

    return fit(
        recipe,
        read_rows(datasets / f"{recipe.dataset}.jsonl", recipe.method),
        str(start),
        AutoTokenizer.from_pretrained(start, trust_remote_code=False),
        round / config.place(arm),
        work=work,
        seed=config.seed,
        holdout=config.holdout,
        max_rewritten=config.max_rewritten,
        packing=config.packing,
        template_kwargs=template_kwargs,
    )


def _whole(policy: Path, work: Path) -> Path:
    """A LoRA to train further, as a whole model in `work`: made once, before processes share it."""
    out = work / f"start-{content(policy / ADAPTER)[:16]}"
    if not out.is_dir():
        work.mkdir(parents=True, exist_ok=True)
        export(policy, out)
    return out


def fit(
    recipe: Recipe,
    rows: Dataset,
    policy: PreTrainedModel | str,
    tokenizer: PreTrainedTokenizerBase,
    out: Path,
    *,
    work: Path,
    seed: int,
    holdout: Holdout = NO_HOLDOUT,
    max_rewritten: float = 1.0,
    packing: Packing = "rows",
    template_kwargs: Options = NOTHING,
) -> Trained:
    """Train a model, in memory or at a path, on `rows`; model and tokenizer go to `out`.

    Checkpoints live in `work` until the run has finished: a killed run, started again with the
    same `work`, continues from its last whole checkpoint, if nothing that shapes it has changed.

    Raises:
        TrainError: no rows, an option TRL does not know, or a row a guard refuses; or another
            launcher has started this process.
    """
    require_own_processes(os.environ)
    if len(rows) == 0:
        raise TrainError(f"the set {recipe.dataset!r} has no rows: harvest more scenarios")
    start = policy if isinstance(policy, str) else policy.config.to_json_string()
    recipe, rows = as_trained(recipe, rows, tokenizer, template_kwargs)
    settings = {"recipe": asdict(recipe), "seed": seed, "holdout": asdict(holdout)}
    settings |= {"template_kwargs": dict(template_kwargs), "packing": packing}
    place = checkpoints.place(work, rows, start, **settings)
    rows, held_out = hold_out(rows, holdout.share, seed)
    args = arguments(recipe, place, seed, watched=held_out is not None)
    config, ends = _facts(policy, tokenizer, args)
    masked = getattr(args, "assistant_only_loss", False)
    renderer = Renderer(tokenizer, masked=masked, kwargs=template_kwargs)
    longest = _guard(
        recipe, [*rows, *(held_out or ())], renderer, args, config, ends, max_rewritten
    )
    _tell_memory(recipe, args, config, longest)
    trees = work.parent / REFERENCES if packing == "tree" else None
    # KTO and DPO may ask the reference for its log-probabilities here
    with heartbeat(lambda: "getting the rows and the model ready"):
        trainer = build_trainer(
            recipe, args, rows, held_out, policy, tokenizer, holdout, template_kwargs, trees
        )
    from tasks.train.logs.losses import mean_loss

    checkpoint = checkpoints.last(place)
    outcome = trainer.train(resume_from_checkpoint=checkpoint and str(checkpoint))
    loss = mean_loss(trainer.state.log_history)
    if not math.isfinite(loss):
        raise TrainError(f"the loss became {loss}: lower trl.learning_rate")
    kept = save(trainer, tokenizer, out, work)
    if trainer.accelerator.is_main_process:
        shutil.rmtree(work, ignore_errors=True)
    return Trained(
        rows=len(rows),
        held_out=len(held_out or ()),
        tokens=int(trainer.state.num_input_tokens_seen),
        steps=outcome.global_step,
        seconds=outcome.metrics["train_runtime"],
        loss=loss,
        best_loss=trainer.state.best_metric,
        bfloat16_keeps=kept,
    )


def _guard(
    recipe: Recipe,
    rows: list[Any],
    renderer: Renderer,
    args: Any,
    config: PretrainedConfig,
    ends: frozenset[int],
    max_rewritten: float,
) -> int:
    """Every guard on every row; returns the length of the longest, in tokens."""
    try:
        texts = render(rows, renderer)
        context = config.max_position_embeddings
        check(Subject(texts, renderer, args, ends, context, max_rewritten))
    except TrainError as error:
        raise TrainError(f"the set {recipe.dataset!r}: {error}") from error
    return max(len(text.ids) for text in texts)


def _facts(
    policy: PreTrainedModel | str, tokenizer: PreTrainedTokenizerBase, args: Any
) -> tuple[PretrainedConfig, frozenset[int]]:
    """The model's configuration, and the tokens at which engines will end its answers."""
    from transformers import AutoConfig, GenerationConfig

    if isinstance(policy, str):
        config = AutoConfig.from_pretrained(policy, trust_remote_code=False)
        has_own = (Path(policy) / "generation_config.json").exists()
        generation = GenerationConfig.from_pretrained(policy) if has_own else config
    else:
        config, generation = policy.config, policy.generation_config
    ends = generation.eos_token_id
    known = {ends} if isinstance(ends, int) else set(ends or ())
    if tokenizer.eos_token_id is not None:
        known.add(tokenizer.eos_token_id)
    if getattr(args, "eos_token", None):  # TRL will make it the tokenizer's
        known.add(tokenizer.convert_tokens_to_ids(args.eos_token))
    return config.get_text_config(), frozenset(known)


def _tell_memory(recipe: Recipe, args: Any, config: PretrainedConfig, longest: int) -> None:
    import torch

    if args.use_cpu or not torch.cuda.is_available():
        return
    is_sharded = args.fsdp or os.environ.get("ACCELERATE_USE_FSDP") == "true"
    shards = args.world_size if is_sharded else 1
    needed = estimate(config, recipe, args, longest, shards)
    free = torch.cuda.mem_get_info()[0] / GIB
    log.info("memory, estimated: %s; free: %.1f GiB", needed, free)
    if needed.total > free:
        log.warning(
            "it may not fit: lower trl.per_device_train_batch_size, set "
            "trl.gradient_checkpointing, train a lora, or set quantization"
        )
