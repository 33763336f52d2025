"""Prompts by pieces: the same token ids as of the whole text, for tokenizers of every kind."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import trl
from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from transformers import MistralCommonBackend, PreTrainedTokenizerFast

from dialogue.protocols import Message
from services.engines.local.tokens import Remembered, overlap, pieces, safe_cuts, tokens_of
from services.engines.models.prompt import shown
from tasks.bootstrap import embedded
from tests.helpers.tiny import TINY

SHIPPED = Path(trl.__file__).parent / "chat_templates"
TEMPLATES = {
    name: (SHIPPED / f"{name}.jinja").read_text(encoding="utf-8")
    for name in ("qwen2_5", "qwen3", "qwen3_instruct_2507", "llama3", "gptoss", "phi3")
} | {"embedded": embedded.TEMPLATE.read_text(encoding="utf-8")}
MARKS = (
    "<|im_start|>", "<|im_end|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>",
    "<|start|>", "<|message|>", "<|end|>", "<|user|>", "<|assistant|>", "<|tool|>", "<s>", "</s>",
)  # fmt: skip
AREA = {"type": "object", "properties": {"area": {"type": "string", "description": "where"}}}
TOOLS = [{"type": "function", "function": {"name": "find", "description": "", "parameters": AREA}}]
SCRAPS = (
    "hotel", "north", " ", "  ", "\n", "\n\n", "7", "é", "e\u0301", "ﬁ", "▁", "🏨", "_", "'s", "<|",
    "|>", "<|im_", "<|im_end|>", "<|end|>", "</s>", "<s", "\t", "<think>", "</think>", "end",
    "Hello", "x", "<tool_call>", "<|eot_id|>", "  <|user|>  ", "mark",
)  # fmt: skip


def texts(seed: int) -> Iterator[str]:
    drawn = random.Random(seed)
    while True:
        yield "".join(drawn.choices(SCRAPS, k=drawn.randint(0, 9)))


def trained(kind: str, added: list[AddedToken]) -> PreTrainedTokenizerFast:
    """A small BPE of a family's kind, with its way to treat spaces and the text's beginning."""
    metaspace = pre_tokenizers.Metaspace
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=False))
    first, before = {
        "bytes": (None, pre_tokenizers.ByteLevel(add_prefix_space=False)),
        "bytes after a space": (normalizers.NFC(), pre_tokenizers.ByteLevel(add_prefix_space=True)),
        "spaces at the beginning": (normalizers.NFKC(), metaspace(prepend_scheme="first")),
        "spaces always": (normalizers.Lowercase(), metaspace(prepend_scheme="always")),
        "prepended": (
            normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]),
            pre_tokenizers.Split(Regex("▁"), "merged_with_next"),
        ),
        "stripped": (normalizers.Strip(), pre_tokenizers.Whitespace()),
    }[kind]
    if first:
        tokenizer.normalizer = first
    tokenizer.pre_tokenizer = before
    trainer = trainers.BpeTrainer(
        vocab_size=500,
        special_tokens=["<unk>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    words = texts(0)
    tokenizer.train_from_iterator((next(words) for _ in range(300)), trainer)
    tokenizer.add_tokens(added)
    ends = processors.TemplateProcessing(
        single="<s> $A </s>",
        special_tokens=[
            ("<s>", tokenizer.token_to_id("<s>")),
            ("</s>", tokenizer.token_to_id("</s>")),
        ],
    )
    tokenizer.post_processor = ends
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>")


def special(*contents: str, **flags: bool) -> list[AddedToken]:
    return [AddedToken(text, special=True, normalized=False, **flags) for text in contents]


KINDS = (
    "bytes", "bytes after a space", "spaces at the beginning", "spaces always", "prepended",
    "stripped",
)  # fmt: skip
ADDED = {
    "plain": special(*MARKS),
    "that strip": [*special("<s>", "</s>", "<|im_end|>"),
                   *special(*MARKS, rstrip=True, lstrip=True)],
    "of which some overlap": special(*MARKS, "x<|im_end|>", "<|im_end|>\n", "\n\n", "  "),
    "that all overlap": special(*MARKS, "|><|", "north<|", ">\n", "s><"),
    "that are normalized": [*special(*MARKS[:6]), *special("<s>", "</s>"), AddedToken("Hello"),
                            AddedToken("</think>", normalized=True), AddedToken("<|user|>")],
    "that are single words": [*special(*MARKS), AddedToken("mark", single_word=True)],
}  # fmt: skip


def dialogue(seed: int, rounds: int) -> list[Message]:
    said, drawn = texts(seed), random.Random(seed)
    messages: list[Message] = [{"role": "system", "content": next(said)}]
    for _ in range(rounds):
        messages.append({"role": "user", "content": next(said)})
        if drawn.random() < 0.4:
            function = {"name": "find", "arguments": json.dumps({"area": next(said)})}
            call = {"id": "call_0", "type": "function", "function": function}
            messages.append({"role": "assistant", "content": "", "tool_calls": [call]})
            messages.append({"role": "tool", "tool_call_id": "call_0", "content": next(said)})
        messages.append({"role": "assistant", "content": next(said)})
    return [*messages, {"role": "user", "content": next(said)}]


@cache
def prompts(template: str) -> list[str]:
    """Texts of dialogues that grow and branch, of several turns, in a random order."""
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(models.BPE()), bos_token="<s>", eos_token="</s>"
    )
    dialogues = [
        [shown(message) for message in dialogue(seed, rounds)]
        for seed in range(4)
        for rounds in range(4)
    ]
    random.Random(0).shuffle(dialogues)
    return [
        tokenizer.apply_chat_template(
            messages,
            tools=TOOLS,
            chat_template=TEMPLATES[template],
            add_generation_prompt=True,
            tokenize=False,
        )
        for messages in dialogues
    ]


@pytest.mark.parametrize("added", ADDED)
@pytest.mark.parametrize("kind", KINDS)
def test_pieces_have_the_tokens_of_the_whole_text(kind, added):
    tokenizer = trained(kind, ADDED[added])
    for template in TEMPLATES:
        tokens = tokens_of(tokenizer)
        for text in prompts(template):
            assert tokens(text) == tokenizer(text, add_special_tokens=False).input_ids, text


def test_pieces_of_the_embedded_tokenizer():
    words = texts(1)
    tokenizer = embedded.build_tokenizer((next(words) for _ in range(300)), TINY)
    tokens = tokens_of(tokenizer)
    for text in prompts("embedded"):
        assert tokens(text) == tokenizer(text, add_special_tokens=False).input_ids, text


def test_of_a_dialogue_that_goes_on_only_the_new_pieces_are_tokenized():
    told = "<s><|user|>a hotel<|end|><|assistant|>"
    cut = re.compile(r"(<s>|<\|user\|>|<\|end\|>)")
    asked: list[str] = []
    remembered = Remembered(lambda piece: asked.append(piece) or [len(piece)], 100)
    for text in (told, told, told + "in the north<|end|><|user|>yes"):
        for piece in pieces(text, cut):
            assert remembered(piece) == [len(piece)]
    assert asked == [
        "<s>", "<|user|>a hotel", "<|end|><|assistant|>",
        "<|end|><|assistant|>in the north", "<|end|>", "<|user|>yes",
    ]  # fmt: skip


def test_what_is_remembered_is_bounded_and_what_is_in_use_stays():
    asked: list[str] = []
    remembered = Remembered(lambda piece: asked.append(piece) or [0] * 10, 100)
    for number in range(1000):
        remembered("in use")
        remembered(f"piece {number}")
        held = {**remembered._old, **remembered._young}
        assert sum(map(len, held.values())) <= 200
    assert asked.count("in use") == 1


def test_cuts_are_the_plain_added_tokens_of_the_text():
    tokenizer = trained("bytes", ADDED["of which some overlap"])
    ids = set(tokenizer("<|im_start|>a<|im_end|>b\n\n").input_ids)
    assert set(safe_cuts(tokenizer, ids)) == {"<s>", "</s>", "<|im_start|>"}


@pytest.mark.parametrize("flags", [{"lstrip": True}, {"rstrip": True}])
def test_no_cut_at_a_token_that_strips(flags):
    tokenizer = trained("bytes", [*special("<s>", "</s>"), *special("<|im_end|>", **flags)])
    assert "<|im_end|>" not in set(safe_cuts(tokenizer, set(tokenizer("a<|im_end|>").input_ids)))


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [("<a>", "<b>", False), ("<a>", "<a>", False), ("aba", "aba", True), ("<a>", "x<a>", True),
     ("<a>", "><", True), ("x<", "<a>", True)],
)  # fmt: skip
def test_tokens_overlap_where_a_text_can_hold_both(one, other, shared):
    assert overlap(one, other) is overlap(other, one) is shared


def test_a_tokenizer_with_its_own_way_is_left_alone():
    class Own(PreTrainedTokenizerFast):
        def _encode_plus(self, *args, **kwargs):
            return super()._encode_plus(*args, **kwargs)

    tokenizer = trained("bytes", ADDED["plain"])
    assert tokens_of(Own(tokenizer_object=tokenizer.backend_tokenizer)) is None
    assert not issubclass(MistralCommonBackend, PreTrainedTokenizerFast)
