"""Estimate of the memory that a training takes on each GPU."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from tasks.train.recipe import Recipe
from tasks.train.trainers import lora_config

if TYPE_CHECKING:
    from transformers import PretrainedConfig

GIB = 2**30
BYTES = {"float32": 4.0, "bfloat16": 2.0, "float16": 2.0}
QUARTER_BYTE = 0.5625
"""Bytes per weight in 4 bits; the scale of each block of 64 adds half a bit."""


@dataclass(frozen=True, slots=True)
class Memory:
    """GiB on one GPU: an upper estimate, without the 1 to 2 GiB of the framework itself.

    Attributes:
        weights: GiB of the policy's weights.
        reference: GiB of the reference model of KTO or DPO; 0 with a LoRA, which is switched off
            instead, and with ``precompute_ref_log_probs``.
        gradients, optimizer: GiB for the trained weights; AdamW has two moments per weight.
        activations: GiB for a full batch of the longest row, and for the one layer of a sharded
            model that is gathered at a time.
    """

    weights: float
    reference: float
    gradients: float
    optimizer: float
    activations: float

    @property
    def total(self) -> float:
        return sum(float(part) for part in asdict(self).values())

    def __str__(self) -> str:
        parts = ", ".join(f"{name} {value:.1f}" for name, value in asdict(self).items())
        return f"{self.total:.1f} GiB on each GPU ({parts})"


def estimate(
    config: PretrainedConfig,
    recipe: Recipe,
    args: Any,
    longest: int,
    shards: int = 1,
) -> Memory:
    """The memory that a training takes.

    Args:
        config: Configuration of the model.
        recipe, args: The training; `args` are the recipe's options as TRL reads them.
        longest: Number of tokens of the longest row.
        shards: Number of GPUs that share weights, gradients and optimizer (FSDP); 1 if each GPU
            holds all of them.
    """
    count = parameters(config, recipe)
    dtype = _bytes(config, args)
    compact = QUARTER_BYTE if recipe.quantization.get("load_in_4bit") else 1.0
    packed = count.linear * (compact if recipe.quantization else dtype)
    weights = packed + count.other * dtype
    # PEFT keeps a LoRA in float32, and TRL a LoRA over packed weights in bfloat16.
    own = dtype if not recipe.lora else 2.0 if recipe.quantization else 4.0
    moments = 2.0 if "8bit" in str(args.optim) else 2 * own
    needs_reference = recipe.method != "sft" and not recipe.lora
    held = needs_reference and not getattr(args, "precompute_ref_log_probs", False)
    gathered = (weights / config.num_hidden_layers + count.head * dtype) if shards > 1 else 0.0
    return Memory(
        weights=weights / shards / GIB,
        reference=weights / shards / GIB if held else 0.0,
        gradients=count.trained * own / shards / GIB,
        optimizer=count.trained * moments / shards / GIB,
        activations=(_activations(config, recipe, args, longest) + gathered) / GIB,
    )


def _bytes(config: PretrainedConfig, args: Any) -> float:
    """Bytes per weight that is not quantized, as TRL loads it: float32 by default."""
    dtype = (args.model_init_kwargs or {}).get("dtype", "float32")
    if dtype in ("auto", None):
        dtype = config.dtype or "float32"
    return BYTES[str(dtype).removeprefix("torch.")]


class Parameters(NamedTuple):
    """Numbers of weights.

    Attributes:
        linear: Weights of the linear layers, which quantization packs.
        other: All other weights.
        head: Weights of the output layer, which are among the others.
        trained: Trained weights, those of a LoRA included.
    """

    linear: int
    other: int
    head: int
    trained: int


def parameters(config: PretrainedConfig, recipe: Recipe) -> Parameters:
    """Numbers of weights of a model, with the recipe's LoRA."""
    import torch
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):  # shapes without memory
        model = AutoModelForCausalLM.from_config(config, trust_remote_code=False)
        head = model.get_output_embeddings()
        linear = sum(
            module.weight.numel()
            for module in model.modules()
            if isinstance(module, torch.nn.Linear) and module is not head
        )
        total = sum(weight.numel() for weight in model.parameters())
        if recipe.lora:
            from peft import get_peft_model

            model = get_peft_model(model, lora_config(recipe))
    trained = sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
    return Parameters(linear, total - linear, head.weight.numel(), trained)


def _activations(config: PretrainedConfig, recipe: Recipe, args: Any, longest: int) -> float:
    """Bytes that the layers keep for the backward pass, and those of the output layer.

    TRL computes no logits of a whole text: it goes through the vocabulary in tiles, and keeps the
    gradient of the last hidden state in float32, and that of the output layer if it is trained.
    """
    pair = 2 if recipe.method == "dpo" else 1
    tokens = args.per_device_train_batch_size * pair * longest
    size = 2 if args.bf16 or args.fp16 else 4
    # A layer keeps its input, two norms, queries, keys, values, the attention's output and three
    # of the MLP; with checkpointing only its input, and one layer at a time is computed again.
    layer = tokens * size * (8 * config.hidden_size + 3 * config.intermediate_size)
    inputs = tokens * size * config.hidden_size * config.num_hidden_layers
    kept = inputs + layer if args.gradient_checkpointing else layer * config.num_hidden_layers
    head = 4 * config.hidden_size * (tokens + (0 if recipe.lora else config.vocab_size))
    return float(kept + head)
