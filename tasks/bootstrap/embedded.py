"""The embedded policy: a small Llama and its tokenizer, made from nothing on the user's machine."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dialogue.bounds import Positive
from tasks.bootstrap.induction import wire_induction

if TYPE_CHECKING:
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

TEMPLATE = Path(__file__).parent / "templates" / "embedded.jinja"
PAD, END = "<|pad|>", "<|end|>"
SPECIAL_TOKENS = (
    PAD, END, "<|tools|>", "<|system|>", "<|user|>", "<|assistant|>", "<|tool|>",
    "<tool_call>", "</tool_call>",
)  # fmt: skip

ROPE_THETA = 100_000.0
"""Slow enough that what stands a dialogue apart still matches (see
``tasks.bootstrap.induction``)."""

# A word is the same tokens wherever it stands, and follows the word before it directly: copying a
# name from a sentence or a tool's answer into a JSON argument is then what induction heads do,
# "what came after this token last time". So a word takes the space before it along, and where a
# word follows a quote, as in JSON, it is given one, which decoding takes away again. Punctuation
# (`": "`) is one piece; digits and capitals stand alone, so that train ids and times can be copied.
PIECES = (
    r" ?[\p{Ll}\p{Lo}\p{M}']+| ?\p{Lu}| ?\p{N}"
    r"| ?[^\p{L}\p{N}\s]+(?: [^\p{L}\p{N}\s]+)*|\s"
)
QUOTED = r'"(?= *[\p{L}\p{N}])'
SPACED = r'" (?= *[\p{L}\p{N}])'
# A weekday is two words within: its " day" is then the token of the argument's name, and marks the
# value before it, as in "2 people" and "3 nights". As one word a weekday may never be read.
WEEKDAY = r"(?<=\bmon|\btues|\bwednes|\bthurs|\bfri|\bsatur|\bsun)%s(?= *day\b)"


@dataclass(frozen=True, slots=True)
class EmbeddedConfig:
    """Size of the embedded model. The default has 3.7M parameters, 14.6 MB in float32.

    Attributes:
        vocab_size: Upper bound on the tokenizer's vocabulary, special tokens included.
        hidden_size, intermediate_size, layers, heads, kv_heads: The Llama architecture's.
        max_length: Longest dialogue in tokens (position embeddings).
    """

    vocab_size: Positive
    hidden_size: Positive
    intermediate_size: Positive
    layers: Positive
    heads: Positive
    kv_heads: Positive
    max_length: Positive


def build_tokenizer(texts: Iterable[str], config: EmbeddedConfig) -> PreTrainedTokenizerFast:
    """A byte-level BPE trained on ``texts``: any string round-trips, known words are short."""
    from tokenizers import (
        Regex,
        Tokenizer,
        decoders,
        models,
        normalizers,
        pre_tokenizers,
        trainers,
    )
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.Replace(Regex(QUOTED), '" '),
            normalizers.Replace(Regex(WEEKDAY % ""), " "),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PIECES), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.ByteLevel(),
            decoders.Replace(Regex(SPACED), '"'),
            decoders.Replace(Regex(WEEKDAY % " "), ""),
        ]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=config.vocab_size,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        eos_token=END,
        chat_template=TEMPLATE.read_text(encoding="utf-8"),
        model_max_length=config.max_length,
        clean_up_tokenization_spaces=False,
    )


def llama(
    config: EmbeddedConfig, tokenizer: PreTrainedTokenizerFast, **options: Any
) -> LlamaConfig:
    """The configuration of a Llama of that size, with further options of transformers."""
    from transformers import LlamaConfig

    return LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=config.hidden_size,
        intermediate_size=config.intermediate_size,
        num_hidden_layers=config.layers,
        num_attention_heads=config.heads,
        num_key_value_heads=config.kv_heads,
        max_position_embeddings=config.max_length,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        **options,
    )


def build_model(
    config: EmbeddedConfig, tokenizer: PreTrainedTokenizerFast, seed: int
) -> LlamaForCausalLM:
    """A new Llama for that tokenizer: random, but for the heads that copy."""
    from transformers import LlamaForCausalLM, set_seed

    set_seed(seed)
    rope = {"rope_type": "default", "rope_theta": ROPE_THETA}
    shape = llama(config, tokenizer, tie_word_embeddings=True, rope_parameters=rope)
    model = LlamaForCausalLM(shape)
    wire_induction(model, seed)
    return model
