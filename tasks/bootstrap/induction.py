"""Induction heads by construction: a new model that can copy before its first step of training.

A transformer learns late, and all of a sudden, to go on as the same words went on before (Olsson et
al., 2022, "In-context Learning and Induction Heads"). Until then it cannot pass a name from a
sentence into a call, and a small model on two cores waits longer for it than for all the rest. So
the circuit is written into the random weights, where training is free to change it:

* The residual stream is divided: content (what token this is), history (what token came before),
  and one constant.
* A head of the first layer attends to the token before, by rotary position alone, and writes its
  content into the history.
* A head of the second layer looks for the position whose history is the present content, and writes
  the content found there, which the tied output layer reads as "this comes next".
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from transformers import LlamaForCausalLM

CONTENT_STD = 0.04
"""Of the embedding's content; the other dimensions start with a tenth of it."""
CONSTANT = 8.0
"""The constant dimension, in standard deviations of the content."""
FAST = 8
"""Rotary frequencies the previous-token head uses: the fastest, which tell neighbours apart."""
QUIET = 0.2
"""What all other weights write into the residual stream is scaled by."""
PREVIOUS, MATCH, COPY = 15.0, 25.0, 4.0
"""Sharpness of the two heads' attention, in logits, and strength of what is copied."""


def wire_induction(model: LlamaForCausalLM, seed: int) -> None:
    """Write the circuit into the first two layers and the embedding, in place.

    Raises:
        ValueError: the model is too small to hold it.
    """
    import torch

    config = model.config
    width, head = config.hidden_size, config.hidden_size // config.num_attention_heads
    content = width // 2
    if config.num_hidden_layers < 2 or content + head >= width:
        raise ValueError("an induction circuit takes two layers, and heads under half the width")
    generator = torch.Generator().manual_seed(seed)
    slow = _slow_dimensions(head)
    with torch.no_grad():
        for layer in model.model.layers:  # the rest must not drown what the circuit writes
            layer.mlp.down_proj.weight *= QUIET
            layer.self_attn.o_proj.weight *= QUIET
        constant = _divide(model.get_input_embeddings().weight, content, generator)
        read = torch.randn(head, content, generator=generator) / math.sqrt(content)
        previous, induction = (layer.self_attn for layer in model.model.layers[:2])

        query, key = _previous_token(head, config.rope_parameters["rope_theta"])
        _set(previous.q_proj.weight, slice(0, head), {width - 1: query / constant})
        _set(previous.k_proj.weight, slice(0, head), {width - 1: key / constant})
        previous.v_proj.weight[:head] = 0
        previous.v_proj.weight[:head, :content] = read
        previous.o_proj.weight[:, :head] = 0
        previous.o_proj.weight[content : content + head, :head] = CONTENT_STD * torch.eye(head)

        # Turned by its position, a fast dimension would not be recognised further on.
        sharp = math.sqrt(MATCH * math.sqrt(head) / len(slow))
        induction.q_proj.weight[:head] = 0
        induction.q_proj.weight[slow, :content] = sharp * read[slow]
        induction.k_proj.weight[:head] = 0
        induction.k_proj.weight[slow, content + slow] = sharp
        induction.v_proj.weight[:head] = 0
        induction.v_proj.weight[:head, :content] = read
        induction.o_proj.weight[:, :head] = 0
        induction.o_proj.weight[:content, :head] = COPY * CONTENT_STD * read.T


def _divide(embedding: torch.Tensor, content: int, generator: torch.Generator) -> float:
    """Lay the embedding out; returns the constant as the first layer sees it, normalised."""
    import torch

    size, width = embedding.shape
    embedding.copy_(torch.randn(size, width, generator=generator) * CONTENT_STD / 10)
    embedding[:, :content] *= 10
    embedding[:, -1] = CONSTANT * CONTENT_STD
    return float((embedding[:, -1] / embedding.pow(2).mean(1).sqrt()).mean())


def _set(weight: torch.Tensor, rows: slice, columns: dict[int, torch.Tensor]) -> None:
    weight[rows] = 0
    for column, values in columns.items():
        weight[rows, column] = values


def _frequencies(head: int, theta: float) -> torch.Tensor:
    import torch

    return theta ** (-torch.arange(0, head, 2) / head)


def _previous_token(head: int, theta: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Query and key whose product, turned by their positions, is largest one position apart.

    Dimension ``i`` and ``i + head / 2`` are turned together, as a complex number.
    """
    import torch

    turn = _frequencies(head, theta)[:FAST]
    size = math.sqrt(PREVIOUS * math.sqrt(head))
    query, key = torch.zeros(head), torch.zeros(head)
    key[: len(turn)] = size
    query[: len(turn)] = size * torch.cos(turn)
    query[head // 2 : head // 2 + len(turn)] = -size * torch.sin(turn)
    return query, key


def _slow_dimensions(head: int) -> torch.Tensor:
    """Dimensions that turn little over a dialogue: the slower half of the frequencies."""
    import torch

    pairs = torch.arange(head // 4, head // 2)
    return torch.cat([pairs, pairs + head // 2])
