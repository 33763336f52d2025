"""transformers in this process: seeded answers that do not depend on the batch."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from dialogue.errors import EngineError
from services.engines import EngineConfig, open_engine
from services.engines.transformers_engine import SeededNoise, TransformersEngine, left_padded

PROMPTS = [[{"role": "user", "content": "cheap hotel " * (1 + i % 7)}] for i in range(12)]


@pytest.fixture(scope="module")
def config(tiny_model):
    return EngineConfig(
        "transformers",
        model=str(tiny_model),
        max_tokens=8,
        max_model_len=256,
        dtype="float32",
        threads=1,
    )


async def play(policy, seeds):
    jobs = (policy(prompt, [], seed=seed) for prompt, seed in zip(PROMPTS, seeds, strict=True))
    return [completion.token_ids for completion in await asyncio.gather(*jobs)]


def test_answers_are_those_of_their_seeds_alone_or_in_a_batch(config, tmp_path):
    with open_engine(config, log=tmp_path / "log") as policy:
        batched = asyncio.run(play(policy, range(12)))
        alone = [asyncio.run(policy(PROMPTS[i], [], seed=i)).token_ids for i in range(12)]
        other = asyncio.run(play(policy, range(12, 24)))
    assert alone == batched
    assert other != batched


def test_temperature_0_is_greedy_decoding(config, tmp_path):
    with open_engine(replace(config, temperature=0.0), log=tmp_path / "log") as policy:
        greedy = asyncio.run(play(policy, range(12)))
    model = AutoModelForCausalLM.from_pretrained(config.model, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(config.model)
    for messages, answer in zip(PROMPTS, greedy, strict=True):
        prompt = tokenizer.apply_chat_template(
            messages, add_generation_prompt=True, return_dict=False
        )
        logits = model(torch.tensor([[*prompt, *answer]])).logits[0]
        best = logits.argmax(-1).tolist()
        assert tuple(best[len(prompt) - 1 : -1]) == answer


@pytest.mark.parametrize(("temperature", "top_p"), [(1.0, 1.0), (0.5, 1.0), (1.0, 0.8)])
def test_the_noise_draws_from_the_models_distribution(temperature, top_p):
    draws = 4000
    logits = torch.tensor([2.0, 1.5, 0.0, -1.0, -3.0])
    settings = EngineConfig("transformers", temperature=temperature, top_p=top_p)
    noisy = SeededNoise(settings, range(draws))(torch.zeros(draws, 1), logits.expand(draws, -1))
    counts = Counter(noisy.argmax(-1).tolist())
    expected = (logits / temperature).softmax(-1)
    if top_p < 1:
        expected[2:] = 0  # the first two hold 0.53 + 0.32 of the mass
        expected /= expected.sum()
    for token, share in enumerate(expected.tolist()):
        assert counts[token] / draws == pytest.approx(share, abs=0.03), token


def test_the_models_generation_config_changes_no_sampling(config, greedy_model, tmp_path):
    answers = []
    for folder in (config.model, str(greedy_model)):
        with open_engine(replace(config, model=folder), log=tmp_path / "log") as policy:
            answers.append(asyncio.run(play(policy, range(12))))
    assert answers[0] == answers[1]
    assert len(set(answers[0])) > 1


def test_a_row_ends_at_its_end_token_or_at_the_length(config):
    model = AutoModelForCausalLM.from_pretrained(config.model)
    model.generation_config.eos_token_id = [7, 9]
    engine = TransformersEngine(model, config)
    ended, cut = engine.sample([5, 9, 0, 0]), engine.sample([5, 6, 5, 6])
    assert (ended.token_ids, ended.finish_reason) == ((5, 9), "stop")
    assert (cut.token_ids, cut.finish_reason) == ((5, 6, 5, 6), "length")


def test_prompts_end_together():
    ids, mask = left_padded([[1, 2, 3], [4]], "cpu")
    assert ids.tolist() == [[1, 2, 3], [0, 0, 4]]
    assert mask.tolist() == [[1, 1, 1], [0, 0, 1]]


def test_weights_that_cannot_be_loaded_are_one_error(config, tiny_model, tmp_path):
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "config.json").write_text((tiny_model / "config.json").read_text())
    with (
        pytest.raises(EngineError, match="could not load"),
        open_engine(replace(config, model=str(broken)), log=tmp_path / "log"),
    ):
        pass
