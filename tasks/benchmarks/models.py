"""The model under test and the judge, as a command line names them: a URL, or a path."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tasks.benchmarks.options import Judge
from tasks.engines import EngineConfig, EngineError, EngineSettings, open_engine
from tasks.engines.config import Backend

JUDGE_TOKENS = 1024
"""Most tokens of a judge's answer; the longest protocols ask for an explanation first."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add ``--model``, ``--judge`` and what goes with them."""
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
    parser.add_argument("--api-key-env", default="", help="variable that holds the endpoint's key")
    parser.add_argument("--judge", metavar="URL", help="endpoint, or recording, of a judge")
    parser.add_argument("--judge-model", metavar="NAME", help="its name there")
    parser.add_argument("--judge-api-key-env", default="", help="variable that holds its key")


def engine_of(args: argparse.Namespace, max_tokens: int) -> EngineConfig:
    """The engine of the model under test.

    Raises:
        EngineError: the endpoint does not answer, or serves several models and none is named.
    """
    settings = EngineSettings(
        _backend(args.model, args.backend),
        max_tokens=max_tokens,
        max_model_len=args.max_model_len,
        dtype=args.dtype,
        threads=args.threads,
        kv_cache_gb=args.kv_cache_gb,
        timeout=args.timeout,
        text_tools=args.text_tools,
        api_key_env=args.api_key_env,
        urls=(args.model,) if _is_url(args.model) else (),
    )
    name = (args.name or _only_model(args.model)) if _is_url(args.model) else args.model
    return settings.of(name, args.temperature)


@contextmanager
def open_judge(args: argparse.Namespace, log: Path) -> Iterator[Judge | None]:
    """The judge that the arguments name, until the context ends; None where they name none.

    Raises:
        ValueError: only its address or only its name is given.
        EngineError: it does not answer.
    """
    if bool(args.judge) != bool(args.judge_model):
        raise ValueError("a judge needs both --judge URL and --judge-model NAME")
    if not args.judge:
        yield None
        return
    settings = EngineSettings(
        _backend(args.judge, "endpoint"),
        max_tokens=JUDGE_TOKENS,
        timeout=args.timeout,
        urls=(args.judge,),
        api_key_env=args.judge_api_key_env,
    )
    model = args.judge_model if _is_url(args.judge) else args.judge
    with open_engine(settings.of(model, 0.0), log=log) as policy:
        yield Judge(args.judge_model, policy)


def _backend(model: str, otherwise: Backend) -> Backend:
    if _is_url(model):
        return "endpoint"
    return "recorded" if model.endswith(".jsonl") else otherwise


def _is_url(model: str) -> bool:
    return model.startswith(("http://", "https://"))


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
