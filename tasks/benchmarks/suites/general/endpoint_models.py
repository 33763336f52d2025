"""lm_eval's models behind an OpenAI-compatible endpoint.

Texts come from the server's chat completions, so its template applies. Log-likelihoods come from
its completions, which not every server answers with log-probabilities.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import httpx
from lm_eval.api.model import LM
from lm_eval.models.openai_completions import LocalChatCompletion, LocalCompletionsAPI

from dialogue.endpoints.proxies import is_loopback
from services.engines import EngineConfig
from services.engines.endpoint import api_key
from tasks.benchmarks.options import MissingError

PROBE: Final = (1, 2, 3)
"""Prompt tokens of a test request for log-probabilities."""


def text_model(config: EngineConfig, url: str) -> LM:
    """A model for texts."""
    return LocalChatCompletion(base_url=f"{url}/chat/completions", **_common(config))


def likelihood_model(config: EngineConfig, url: str, tokenizer: Path | None) -> LM:
    """A model for log-likelihoods.

    Args:
        config: Settings of the engine, with the name of the model.
        url: Address of the server, up to and with ``/v1``.
        tokenizer: Folder of the model's tokenizer, as log-likelihoods are of tokens.

    Raises:
        MissingError: the tokenizer is missing, or the server gives no log-probabilities.
    """
    if tokenizer is None or not tokenizer.is_dir():
        raise MissingError(
            "log-likelihoods are read of tokens: name the folder of the endpoint's tokenizer with "
            "--tokenizer DIR, or give --model a folder"
        )
    common = _common(config)
    if not _echoes(f"{url}/completions", config.model, common["header"]):
        raise MissingError(
            f"{url} gives no log-probabilities of a prompt (/completions with echo and logprobs): "
            "serve the model with vLLM, or give --model a folder"
        )
    return LocalCompletionsAPI(
        base_url=f"{url}/completions",
        tokenizer=str(tokenizer),
        tokenizer_backend="huggingface",
        trust_remote_code=False,
        **common,
    )


def _common(config: EngineConfig) -> dict[str, Any]:
    key = api_key(config.api_key_env, "--api-key-env")
    return {
        "model": config.model,
        "header": {"Authorization": f"Bearer {key}"} if key else {"Accept": "application/json"},
        "max_length": config.max_model_len,
        "num_concurrent": config.max_num_seqs,
        "timeout": max(1, round(config.timeout)),
    }


def _echoes(url: str, model: str, header: Mapping[str, str]) -> bool:
    body = {"model": model, "prompt": list(PROBE), "max_tokens": 1, "echo": True, "logprobs": 1}
    try:
        response = httpx.post(
            url, json=body, headers=dict(header), timeout=60, trust_env=not is_loopback(url)
        )
        response.raise_for_status()
        found = response.json()["choices"][0]["logprobs"]["token_logprobs"]
    except (httpx.HTTPError, ValueError, LookupError, TypeError):
        return False
    return isinstance(found, list) and len(found) > len(PROBE)
