"""The model under test and its helpers, as a command line names them: a URL, or a path."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import httpx

from dialogue.endpoints.settings import ModelEndpoint
from dialogue.errors import EngineError
from services.engines import EngineConfig, EngineSettings
from tasks.benchmarks.helpers import MAX_TOKENS, NOBODY, ROLES, Role, backend_of, is_url


def configure(parser: argparse.ArgumentParser) -> None:
    """Add ``--model``, ``--judge``, ``--simulator`` and what goes with them."""
    defaults = EngineSettings("vllm", max_model_len=4096)
    parser.add_argument(
        "--model",
        required=True,
        help="URL of an OpenAI-compatible endpoint (.../v1), model folder, or recording (.jsonl)",
    )
    parser.add_argument("--name", help="the endpoint's name for the model, if it serves several")
    parser.add_argument(
        "--backend", choices=("vllm", "transformers", "server"), default="vllm", help="of a folder"
    )
    parser.add_argument("--temperature", type=float, default=0.0, help="of sampling")
    parser.add_argument(
        "--max-model-len",
        type=int,
        default=defaults.max_model_len,
        help="prompt and answer, tokens",
    )
    parser.add_argument("--dtype", default=defaults.dtype, help="float32, bfloat16, or auto")
    parser.add_argument("--threads", type=int, default=defaults.threads, help="0: all cores")
    parser.add_argument("--kv-cache-gb", type=float, default=defaults.kv_cache_gb)
    parser.add_argument("--timeout", type=float, default=defaults.timeout, help="of an answer, s")
    parser.add_argument(
        "--text-tools", action="store_true", help="the endpoint has no tool parser: read its text"
    )
    parser.add_argument(
        "--tokenizer",
        type=Path,
        metavar="DIR",
        help="the endpoint's, to read log-likelihoods (bbh)",
    )
    parser.add_argument("--api-key-env", default="", help="variable that holds the endpoint's key")
    for role, does in ROLES.items():
        parser.add_argument(f"--{role}", metavar="URL", help=f"endpoint, or recording: {does}")
        parser.add_argument(f"--{role}-model", metavar="NAME", help="its name there")
        parser.add_argument(
            f"--{role}-max-tokens", type=int, default=MAX_TOKENS, metavar="N", help="of an answer"
        )
        parser.add_argument(f"--{role}-api-key-env", default="", help="variable that holds its key")


def engine_of(args: argparse.Namespace) -> EngineConfig:
    """The engine of the model under test; how long its answers may be, a benchmark says.

    Raises:
        EngineError: the endpoint does not answer, or serves several models and none is named.
    """
    settings = EngineSettings(
        backend_of(args.model, args.backend),
        max_model_len=args.max_model_len,
        dtype=args.dtype,
        threads=args.threads,
        kv_cache_gb=args.kv_cache_gb,
        timeout=args.timeout,
        text_tools=args.text_tools,
        api_key_env=args.api_key_env,
        urls=(args.model,) if is_url(args.model) else (),
    )
    name = (args.name or _only_model(args.model)) if is_url(args.model) else args.model
    return settings.of(name, args.temperature)


def helper_of(role: Role, args: argparse.Namespace) -> ModelEndpoint:
    """Whom the arguments name for a role."""
    given = vars(args)
    return replace(
        NOBODY,
        url=given[role] or "",
        model=given[f"{role}_model"] or "",
        api_key_env=given[f"{role}_api_key_env"],
        max_tokens=given[f"{role}_max_tokens"],
        timeout=args.timeout,
    )


def _only_model(url: str) -> str:
    try:
        response = httpx.get(f"{url.rstrip('/')}/models", timeout=10)
        response.raise_for_status()
        names = [str(entry["id"]) for entry in response.json()["data"]]
    except (httpx.HTTPError, ValueError, LookupError, TypeError) as error:
        raise EngineError(f"no model server answers at {url} ({error}); start it") from error
    if len(names) != 1:
        raise EngineError(f"{url} serves {', '.join(names) or 'nothing'}: name one with --name")
    return names[0]
