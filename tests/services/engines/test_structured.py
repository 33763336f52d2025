"""Calls are held to their tools and schemas: whatever a model means to write, they can be read."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

from dialogue.errors import EngineError
from dialogue.protocols import Message, Tool
from dialogue.tool_text import FunctionCall, calls_of
from services.engines import EngineConfig, EngineSettings, open_engine
from services.engines.formats import Format, open_format
from tests.helpers.families import FAMILIES
from tests.helpers.tokenizers import byte_tokenizer, trl_template

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

pytest.importorskip("xgrammar", reason="it comes with vLLM")
pytestmark = pytest.mark.vllm


def tool(name: str, properties: dict[str, Any], *required: str) -> Tool:
    parameters = {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }
    return {
        "type": "function",
        "function": {"name": name, "description": name, "parameters": parameters},
    }


AREA = {"type": "string", "enum": ["north", "south"]}
TOOLS = [
    tool("search_hotel", {"area": AREA, "stars": {"type": "integer"}}),
    tool("book_hotel", {"day": {"type": "string", "pattern": r"^[0-2]\d:[0-5]\d$"}}, "day"),
    tool("help", {}),
]
HELD = {
    "Qwen2.5": '<tool_call>\n{"name": "',
    "Qwen2.5-Coder": '{"name": "',
    "SmolLM2": "<tool_call>\n",
    "Llama 3.1": '{"name": "',
    "Qwen3-Coder": "<tool_call>\n<function=",
}
"""Family -> what a call of its begins with."""


def settings(**changes: Any) -> EngineConfig:
    return EngineConfig("vllm", model="folder/m", structured="calls", **changes)


def written(
    form: Format, tokenizer: PreTrainedTokenizerBase, begin: str, rng: random.Random
) -> Message:
    """What a model would write that has begun a call, and then takes any token that it may."""
    import torch
    from xgrammar import GrammarCompiler, GrammarMatcher, TokenizerInfo, allocate_token_bitmask

    compiler = GrammarCompiler(TokenizerInfo.from_huggingface(tokenizer))
    matcher = GrammarMatcher(compiler.compile_structural_tag(form.tag(TOOLS)))
    ids = list(tokenizer(begin, add_special_tokens=False).input_ids)
    assert all(map(matcher.accept_token, ids))
    mask = allocate_token_bitmask(1, len(tokenizer))
    while len(ids) < 4000:
        matcher.fill_next_token_bitmask(mask)
        bits = mask[0][torch.arange(len(tokenizer)) // 32] >> (torch.arange(len(tokenizer)) % 32)
        allowed = torch.nonzero(bits & 1).flatten().tolist()
        if tokenizer.eos_token_id in allowed:  # the call is over, and the message may be
            break
        ids.append(rng.choice(allowed))
        assert matcher.accept_token(ids[-1])
    return form.read(tokenizer.decode(ids), ids, TOOLS)


def require_fit(calls: Sequence[FunctionCall], *, blanks: bool = False) -> None:
    """Require valid calls; `blanks` may stand around the text of a value."""
    schemas = {one["function"]["name"]: one["function"]["parameters"] for one in TOOLS}
    for call in calls:
        arguments = json.loads(call.arguments)
        if blanks:
            texts = {key: one.strip() for key, one in arguments.items() if isinstance(one, str)}
            arguments |= texts
        Draft202012Validator(schemas[call.name]).validate(arguments)


@pytest.mark.parametrize("family", HELD)
def test_a_call_once_begun_can_be_read_and_fits_its_schema(family: str) -> None:
    one = FAMILIES[family]
    tokenizer = one.tokenizer()
    form = open_format(settings(tool_parser=one.tool_parser), tokenizer)
    found = set()
    for seed in range(15):
        message = written(form, tokenizer, HELD[family], random.Random(seed))
        calls = calls_of(message)
        assert calls, message
        # Between XML tags the grammar takes white space for layout, and the parser for text.
        require_fit(calls, blanks=family == "Qwen3-Coder")
        found |= set(calls)
    assert len({call.name for call in found}) == len(TOOLS), "which tool is the model's choice"
    assert len(found) > len(TOOLS), "and what with"
    assert form.tag([]) == "", "without tools all is free"


@pytest.mark.parametrize("family", sorted(set(FAMILIES) - set(HELD)))
def test_a_format_is_held_or_refused_in_a_line(family: str) -> None:
    one = FAMILIES[family]
    config = settings(tool_parser=one.tool_parser, chat_template_kwargs=one.kwargs)
    if family == "gpt-oss":
        pytest.importorskip("bpe_openai", reason="its vocabulary is in the extra frontier")
    try:
        assert open_format(config, one.tokenizer()).tag(TOOLS)
    except EngineError as error:
        assert "\n" not in str(error)  # noqa: PT017 - one of the two


def test_words_that_tokens_space_out_are_refused(tiny_model: Path) -> None:
    from transformers import AutoTokenizer

    with pytest.raises(EngineError, match="its grammar does not fit the template's call"):
        open_format(settings(), AutoTokenizer.from_pretrained(tiny_model))
    with pytest.raises(EngineError, match="tokenizer"):
        open_format(settings(), None)


def test_a_schema_that_no_grammar_holds_leaves_any_object() -> None:
    tokenizer = FAMILIES["Qwen2.5"].tokenizer()
    form = open_format(settings(), tokenizer)
    strange = tool("odd", {"at": {"type": "dict"}})
    assert '"json_schema": {"type": "object"}' in form.tag([strange])


@pytest.mark.parametrize("backend", ["transformers", "endpoint", "recorded"])
def test_a_backend_that_cannot_is_refused(backend: Any) -> None:
    with pytest.raises(ValueError, match=f"^structured: backend {backend} cannot"):
        EngineSettings(backend, structured="calls")


@pytest.fixture(scope="module")
def random_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights with tokens of bytes, and Qwen's template: every text is as good to it."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    folder = tmp_path_factory.mktemp("random")
    tokenizer = byte_tokenizer(trl_template("qwen2_5"), eos="<|im_end|>")
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=4096,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def answers(config: EngineConfig, log: Path) -> Iterator[list[FunctionCall]]:
    """The calls of the whole answers to two dozen questions."""
    asked = [[{"role": "user", "content": f"a hotel, please, {i}"}] for i in range(24)]

    async def ask(policy: Any) -> list[Any]:
        return await asyncio.gather(*(policy(one, TOOLS, seed=i) for i, one in enumerate(asked)))

    with open_engine(config, log=log) as policy:
        found = asyncio.run(ask(policy))
        assert [one.token_ids for one in asyncio.run(ask(policy))] == [
            one.token_ids for one in found
        ]
    assert all(one.token_ids for one in found)
    for one in found:
        calls = calls_of(one.message)
        # The last call of an answer that the limit cut short is cut short, too.
        yield calls[:-1] if one.finish_reason == "length" else calls


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("backend", ["vllm", "server"])
def test_every_call_of_a_model_of_random_weights_fits(
    backend: Any, random_model: Path, tmp_path: Path
) -> None:
    config = EngineConfig(
        backend,
        model=str(random_model),
        max_tokens=600,
        max_model_len=3072,
        max_num_seqs=24,
        kv_cache_gb=0.2,
        dtype="float32",
        threads=1,
        structured="calls",
    )
    held = [call for calls in answers(config, tmp_path / "log") for call in calls]
    assert len(held) > 5
    require_fit(held)
