"""Tokenizers with any chat template: of bytes and its special tokens, or gpt-oss's own."""

from __future__ import annotations

import gzip
import re
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from services.engines.formats.vllm_parsers import VOCABULARY

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_SPECIAL = re.compile(r"<[|\uff5c]?[\w\u2581:/]+[|\uff5c]?>|\[/?[A-Z_]+\]")


_HARMONY = {
    200_002: "<|return|>",
    200_003: "<|constrain|>",
    200_005: "<|channel|>",
    200_006: "<|start|>",
    200_007: "<|end|>",
    200_008: "<|message|>",
    200_012: "<|call|>",
}


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


def harmony_tokenizer(template: str) -> PreTrainedTokenizerBase:
    """gpt-oss's tokenizer with its token ids, of the vocabulary that the extra frontier brings."""
    import bpe_openai
    from transformers.convert_slow_tokenizer import TikTokenConverter

    packed = Path(bpe_openai.__file__).with_name("data") / f"{VOCABULARY}.gz"
    special = [_HARMONY.get(i, f"<|reserved_{i}|>") for i in range(199_998, 200_019)]
    with TemporaryDirectory() as folder:
        Path(folder, VOCABULARY).write_bytes(gzip.decompress(packed.read_bytes()))
        file = f"{folder}/{VOCABULARY}"
        whole = TikTokenConverter(file, extra_special_tokens=special).converted()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=whole, eos_token="<|return|>")
    tokenizer.chat_template = template
    return tokenizer


def trl_template(name: str) -> str:
    """A model family's chat template, as TRL ships it."""
    return files("trl").joinpath("chat_templates", f"{name}.jinja").read_text("utf-8")
