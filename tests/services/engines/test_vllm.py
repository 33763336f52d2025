"""vLLM in this process, for real, with a tiny model."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from dialogue.errors import EngineError
from services.engines import EngineConfig, open_engine

pytestmark = pytest.mark.vllm
PROMPTS = [[{"role": "user", "content": "cheap hotel " * (1 + i % 20)}] for i in range(24)]


def config(model):
    return EngineConfig(
        "vllm",
        model=str(model),
        max_tokens=12,
        max_model_len=256,
        kv_cache_gb=0.1,
        dtype="float32",
        threads=1,
    )


async def play(policy, prompts=PROMPTS, seeds=range(24)):
    jobs = (policy(prompt, [], seed=seed) for prompt, seed in zip(prompts, seeds, strict=True))
    return await asyncio.gather(*jobs)


def test_answers_are_those_of_their_seeds_alone_or_in_a_batch(tiny_model, tmp_path):
    """Also: a second engine opens in the same process, and the log is kept."""
    log = tmp_path / "engine.log"
    with open_engine(config(tiny_model), log=log) as policy:
        batched = asyncio.run(play(policy))
        again = asyncio.run(play(policy))
        alone = [asyncio.run(policy(PROMPTS[i], [], seed=i)) for i in range(4)]
        other = asyncio.run(play(policy, seeds=range(100, 124)))
    ids = [completion.token_ids for completion in batched]
    assert [completion.token_ids for completion in again] == ids
    assert [completion.token_ids for completion in alone] == ids[:4]
    assert [completion.token_ids for completion in other] != ids
    assert {len(tokens) for tokens in ids} != {0}
    assert sum(completion.cached_tokens for completion in again) > 0
    assert "Initializing a V1 LLM engine" in log.read_text()

    with open_engine(replace(config(tiny_model), temperature=0.0), log=log) as policy:
        greedy = asyncio.run(play(policy))
        other = asyncio.run(play(policy, seeds=range(100, 124)))
    assert [a.message for a in greedy] == [b.message for b in other]


def test_an_engine_that_cannot_start_shows_its_last_words(tiny_model, tmp_path):
    log = tmp_path / "engine.log"
    too_long = replace(config(tiny_model), max_model_len=100_000)
    with (
        pytest.raises(EngineError, match="did not start") as failure,
        open_engine(too_long, log=log),
    ):
        pass
    assert "max_model_len" in str(failure.value)
    assert str(log) in str(failure.value)


def test_torch_keeps_its_number_of_threads(tiny_model, tmp_path):
    """vLLM replaces `torch.set_num_threads` by a function that does nothing."""
    import torch

    before = torch.set_num_threads
    with open_engine(config(tiny_model), log=tmp_path / "log"):
        pass
    assert torch.set_num_threads is before
