"""The packed forward: TRL's fused forward, asked for a trie's edges in place of padded rows.

TRL computes every loss, metric and reference from ``model(..., labels=, fused_lm_head=True)``,
whose answer has a figure for each trained token. This forward has the same question and answer, so
that all of TRL stays as it is; in between, each distinct token goes through the model once, and
the output layer sees nothing but the nodes that a trained edge starts from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from types import MethodType
from typing import Any

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from tasks.train.packing.cuts import Cost, Plan, cut
from tasks.train.packing.trie import Piece, rows_of

FIELDS = ("log_probs", "entropy", "log_sum_sq_probs", "mean_logits", "is_top1")
"""Figures of a trained token in TRL's answer; which are there depends on the trainer."""
WORTH = 0.75
"""Share of the tokens and of the cost of rows below which a batch is packed."""
AGAIN = 4 / 3
"""Cost of a training step in several pieces: their forward is run again in the backward pass."""
FREER = 4
"""How many times the nodes fit in a piece where nothing is kept for a backward pass."""


class TreeForward:
    """The forward of a model that TRL has given a fused output layer.

    Attributes:
        at_once: Rows that TRL trains at once. A piece in training holds at most as many tokens as
            they do with their padding, so that packing takes no more memory.
        asked: Tokens of the rows asked for so far, without padding.
        computed: Tokens that went through the model for them.
    """

    def __init__(self, model: Any, at_once: int) -> None:
        config = model.config.get_text_config()
        layers = sum(w.numel() for w in model.base_model.parameters() if w.ndim == 2)
        layers -= model.get_input_embeddings().weight.numel()
        self.cost = Cost(layers / config.num_hidden_layers / (2 * config.hidden_size))
        self.at_once = at_once
        self.asked = 0
        self.computed = 0
        self._model = model
        self.fused: Callable[..., Any] = model.forward
        self._parents: Tensor | None = None
        self.remove = model.base_model.register_forward_hook(self._pick).remove

        @wraps(type(model).forward)
        def forward(_self: Any, *args: Any, **kwargs: Any) -> Any:
            return self(*args, **kwargs)

        model.forward = MethodType(forward, model)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """TRL's answer to a padded batch, from pieces if they cost less."""
        if not _is_plain(args, kwargs):
            return self.fused(*args, **kwargs)
        batch = {name: kwargs[name] for name in ("input_ids", "attention_mask", "labels")}
        plan = self.plan(batch)
        self.asked += int(batch["attention_mask"].sum())
        if self._pays(plan, batch):
            self.computed += plan.tokens
            return self.of_pieces(plan, batch)
        self.computed += int(batch["attention_mask"].sum())
        return self.fused(**kwargs)

    def _pays(self, plan: Plan, batch: Mapping[str, Tensor]) -> bool:
        """Whether to pack: rows that share next to nothing stay as TRL has them, bit by bit."""
        count, width = batch["input_ids"].shape
        if count > self.at_once:  # more than TRL trains at once were put together to be packed
            return bool(plan.groups)
        shares = 0 < plan.tokens < WORTH * int(batch["attention_mask"].sum())
        return shares and self.priced(plan) < WORTH * self.cost(width, count)

    def plan(self, batch: Mapping[str, Tensor]) -> Plan:
        """The pieces of a padded batch."""
        ids, mask, labels = (batch[n] for n in ("input_ids", "attention_mask", "labels"))
        lengths = mask.sum(1).cpu().numpy()
        budget = self.at_once * ids.shape[1] * (1 if torch.is_grad_enabled() else FREER)
        return cut(rows_of(ids.cpu().numpy(), lengths, labels.cpu().numpy()), budget, self.cost)

    def priced(self, plan: Plan) -> float:
        """What a plan costs here and now, in the unit of its cost."""
        return plan.cost * (AGAIN if torch.is_grad_enabled() and len(plan.groups) > 1 else 1)

    def of_pieces(self, plan: Plan, batch: Mapping[str, Tensor]) -> Any:
        """TRL's answer to a padded batch, from the pieces of its plan."""
        from trl.trainer.utils import FusedCausalLMOutput

        pieces = plan.pieces()
        # the last is the first in the backward pass: what it kept is gone when others run again
        parts = [self._figures(piece, again=piece is not pieces[-1]) for piece in pieces]
        device = batch["labels"].device
        mask = batch["labels"][:, 1:] != -100
        places, edges, start = [], [], 0
        for piece in pieces:
            places.append(torch.as_tensor(piece.rows * mask.shape[1] + piece.positions - 1))
            edges.append(torch.as_tensor(piece.edges + start))
            start += len(piece.labels)
        place, edge = torch.cat(places).to(device), torch.cat(edges).to(device)
        found = {
            name: _spread(torch.cat([part[name] for part in parts]), edge, place, mask)
            for name in parts[0]
        }
        loss = -found["log_probs"].sum() / mask.sum().clamp(min=1)
        return FusedCausalLMOutput(loss=loss, label_mask=mask, **found)

    def _figures(self, piece: Piece, *, again: bool) -> dict[str, Tensor]:
        """The figures of a piece's edges, [E]; `again` computes them twice and keeps nothing."""
        if again and torch.is_grad_enabled():
            figures: dict[str, Tensor] = checkpoint(self._run, piece, use_reentrant=False)
            return figures
        return self._run(piece)

    def _run(self, piece: Piece) -> dict[str, Tensor]:
        device = self._model.device
        with self._picking(torch.as_tensor(piece.parents, device=device)):
            out = self.fused(
                input_ids=torch.as_tensor(piece.ids, device=device)[None],
                position_ids=torch.as_tensor(piece.depth, device=device)[None],
                attention_mask=self._mask(piece),
                shift_labels=torch.as_tensor(piece.labels, device=device)[None],
                fused_lm_head=True,
            )
        answers = {name: getattr(out, name) for name in FIELDS}
        return {name: value[0] for name, value in answers.items() if value is not None}

    def _mask(self, piece: Piece) -> Tensor:
        """The attention mask, [1, 1, N, N]: true where a node sees, or 0 there and -inf elsewhere.

        A minimum in place of -inf, as transformers has it: its eager attention adds the mask.
        """
        device, dtype = self._model.device, self._model.dtype
        sees = torch.as_tensor(piece.sees(), device=device)[None, None]
        if self._model.config.get_text_config()._attn_implementation != "eager":
            return sees
        hidden = torch.full(sees.shape, torch.finfo(dtype).min, dtype=dtype, device=device)
        return hidden.masked_fill(sees, 0)

    @contextmanager
    def _picking(self, parents: Tensor) -> Iterator[None]:
        """Let the output layer see the parents of the edges, [E], in place of all nodes."""
        self._parents = parents
        try:
            yield
        finally:
            self._parents = None

    def _pick(self, _module: object, _args: object, output: Any) -> Any:
        if self._parents is not None:
            output.last_hidden_state = output.last_hidden_state.index_select(1, self._parents)
        return output


def _is_plain(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
    """Whether a call is TRL's question for trained tokens of padded rows, and nothing more."""
    known = {"input_ids", "attention_mask", "labels", "fused_lm_head"}
    # a LoRA asks with all that it knows, None or not
    given = {name for name, value in kwargs.items() if value is not None} - {"use_cache"}
    return not args and given == known and bool(kwargs["fused_lm_head"])


def _spread(values: Tensor, edge: Tensor, place: Tensor, mask: Tensor) -> Tensor:
    """The figures of edges at the places of the trained tokens, [R, T-1]; 0 elsewhere."""
    flat = values.new_zeros(mask.numel())
    return flat.index_copy(0, place, values.index_select(0, edge)).view(mask.shape)
