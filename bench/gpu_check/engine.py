"""The parts of the check of a card that need vLLM: see ``bench.gpu_check``."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.throughput import measure
from flows.params import load_section
from josh.search.config import JoshConfig
from services.engines import EngineConfig, vllm_settings
from services.engines.vllm_engine import ENVIRONMENT
from toolwoz.world.scenario import take

Answer = tuple[tuple[int, ...], list[float]]
"""Sampled tokens, and the log-probability of each."""
GIB = 2**30
LORA = {"r": 16, "lora_alpha": 16, "target_modules": "all-linear"}


def harvest(options: Namespace) -> dict[str, Any]:
    """Tokens a second of a JOSH search with the agenda user, and of vLLM alone on its prompts."""
    josh = JoshConfig(turns=2 if options.small else 8)
    scenarios = 2 if options.small else 64
    section = load_section("harvest")
    searched = replace(section, scenarios=scenarios, searches={"josh": josh})
    return measure(options.folder / "data", searched, _engine(options))


def adapter(options: Namespace) -> dict[str, Any]:
    """Compare vLLM's greedy answers with a random LoRA to those of the base and the merged model.

    ``gap_to_merged`` and ``gap_to_base`` are how far vLLM's log-probability of a token that it
    sampled with the LoRA is from that of the two in float32: means, in nats. ``served`` is whether
    answers are other than the base's, and nearer to the merged model.
    """
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    folder, lora = options.folder / "model", options.folder / "adapter"
    _random_lora(folder, lora)
    prompts = _prompts(options)
    base, answers = _asked(_engine(options), prompts, lora)
    model = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, trust_remote_code=False
    ).to(options.device)
    to_base = _gap(model, prompts, answers)
    merged = PeftModel.from_pretrained(model, lora).merge_and_unload()
    to_merged = _gap(merged, prompts, answers)
    differ = sum(one[0] != other[0] for one, other in zip(base, answers, strict=True))
    return {
        "answers": len(answers),
        "other_than_the_base": differ,
        "gap_to_merged": round(to_merged, 4),
        "gap_to_base": round(to_base, 4),
        "served": differ > 0 and to_merged < to_base,
    }


def _engine(options: Namespace) -> EngineConfig:
    """The engine's settings: nearly all memory of a card; on a CPU a little memory, and float32."""
    on_cpu = options.device == "cpu"
    return EngineConfig(
        "vllm",
        model=str(options.folder / "model"),
        max_tokens=16 if options.small else 64,
        max_model_len=4096,
        max_num_seqs=16 if options.small else 256,
        kv_cache_gb=0.25 if on_cpu else 0.0,
        dtype="float32" if on_cpu else "auto",
    )


def _random_lora(model: Path, out: Path) -> None:
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(0)
    base = AutoModelForCausalLM.from_pretrained(model, dtype="auto", trust_remote_code=False)
    config = LoraConfig(task_type="CAUSAL_LM", init_lora_weights=False, **LORA)
    get_peft_model(base, config).save_pretrained(out)


def _prompts(options: Namespace) -> list[list[int]]:
    """Goals of scenarios, as a user's first message."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(options.folder / "model", trust_remote_code=False)
    return [
        tokenizer.apply_chat_template(
            [{"role": "user", "content": " ".join(one.instructions)}],
            add_generation_prompt=True,
            return_dict=False,
        )
        for one in take(options.folder / "data", "train", 4 if options.small else 32)
    ]


def _asked(
    config: EngineConfig, prompts: Sequence[list[int]], lora: Path
) -> tuple[list[Answer], list[Answer]]:
    """The answers without and with the LoRA, of one vLLM."""
    # The float32 models need part of the memory.
    config = replace(config, kv_cache_gb=config.kv_cache_gb or 2.0)
    os.environ.update({**ENVIRONMENT, **vllm_settings.environment(config)})
    from vllm import LLM, EngineArgs, SamplingParams
    from vllm.inputs import TokensPrompt
    from vllm.lora.request import LoRARequest

    settings = vllm_settings.arguments(config, Path(config.model))
    llm = LLM.from_engine_args(
        EngineArgs(**settings, skip_tokenizer_init=True, enable_lora=True, max_lora_rank=LORA["r"])
    )
    sampling = SamplingParams(
        temperature=0.0, max_tokens=config.max_tokens, logprobs=0, detokenize=False
    )
    asked = [TokensPrompt(prompt_token_ids=prompt) for prompt in prompts]
    requests = (None, LoRARequest("check", 1, str(lora)))
    without, with_lora = (
        # Its bar divides by a time that may be 0.
        llm.generate(asked, sampling, use_tqdm=False, lora_request=request)
        for request in requests
    )
    return [_answer(one.outputs[0]) for one in without], [
        _answer(one.outputs[0]) for one in with_lora
    ]


def _answer(output: Any) -> Answer:
    tokens = tuple(output.token_ids)
    told = zip(tokens, output.logprobs, strict=True)
    return tokens, [at[token].logprob for token, at in told]


def _gap(model: Any, prompts: Sequence[list[int]], answers: Sequence[Answer]) -> float:
    """Mean distance of log-probabilities that a model gives to answers from those told, in nats."""
    gaps = list(_gaps(model, prompts, answers))
    return sum(gaps) / len(gaps)


def _gaps(model: Any, prompts: Sequence[list[int]], answers: Sequence[Answer]) -> Iterator[float]:
    import torch

    for prompt, (tokens, told) in zip(prompts, answers, strict=True):
        ids = torch.tensor([[*prompt, *tokens]], device=model.device)
        with torch.inference_mode():
            logits = model(ids).logits[0, len(prompt) - 1 : -1].log_softmax(-1)
        own = logits.gather(1, ids[0, len(prompt) :, None]).squeeze(1).tolist()
        yield from (abs(one - other) for one, other in zip(own, told, strict=True))
