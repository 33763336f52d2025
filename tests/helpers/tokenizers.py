"""Tokenizers of bytes, with any chat template and its special tokens."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import TYPE_CHECKING

from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_SPECIAL = re.compile(r"<[|\uff5c]?[\w\u2581:/]+[|\uff5c]?>|\[/?[A-Z_]+\]")


def byte_tokenizer(template: str, *special: str, eos: str = "</s>") -> PreTrainedTokenizerBase:
    """A tokenizer with a token a byte, and one for all that looks special in the template."""
    vocabulary = sorted(pre_tokenizers.ByteLevel.alphabet())
    bytes_ = Tokenizer(models.BPE({one: i for i, one in enumerate(vocabulary)}, []))
    bytes_.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bytes_.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bytes_,
        bos_token="<s>",
        eos_token=eos,
        additional_special_tokens=sorted({*_SPECIAL.findall(template), *special}),
    )
    tokenizer.chat_template = template
    return tokenizer


def trl_template(name: str) -> str:
    """A model family's chat template, as TRL ships it."""
    return files("trl").joinpath("chat_templates", f"{name}.jinja").read_text("utf-8")
