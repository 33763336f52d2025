"""Command-line options for the model under test and its helpers."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from dialogue.endpoints.settings import ModelEndpoint
from dialogue.errors import EndpointBusy, EngineError
from services.engines import EngineConfig, EngineSettings
from services.engines.endpoint import api_key, offered
from tasks.benchmarks.helpers import MAX_TOKENS, NO_MODEL, ROLES, Role, backend_of, is_url

KEY = "environment variable that holds the key of the endpoint"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add ``--model``, ``--judge``, ``--simulator`` and their options."""
    _configure_model(parser.add_argument_group("model"))
    for role, does in ROLES.items():
        group = parser.add_argument_group(f"{role}, which {does}").add_argument
        group(f"--{role}", metavar="URL", help="endpoint (.../v1) or recording (.jsonl)")
        group(f"--{role}-model", metavar="NAME", help="name of the model there")
        group(
            f"--{role}-max-tokens",
            type=int,
            default=MAX_TOKENS,
            metavar="N",
            help=f"maximum tokens of an answer (default: {MAX_TOKENS})",
        )
        group(f"--{role}-api-key-env", default="", metavar="VARIABLE", help=KEY)


def _configure_model(group: argparse._ArgumentGroup) -> None:
    defaults = EngineSettings("vllm", max_model_len=4096)
    group.add_argument(
        "--model",
        required=True,
        help="endpoint (http://.../v1), model folder, or recording (.jsonl)",
    )
    group.add_argument("--name", help="name of the model, if the endpoint serves several")
    backends = ("vllm", "transformers", "server")
    group.add_argument(
        "--backend", choices=backends, default="vllm", help="engine of a folder (default: vllm)"
    )
    group.add_argument("--text-tools", action="store_true", help="the endpoint has no tool parser")
    group.add_argument(
        "--tokenizer", type=Path, metavar="DIR", help="tokenizer of the endpoint's model, for bbh"
    )
    group.add_argument("--api-key-env", default="", metavar="VARIABLE", help=KEY)
    numbers: tuple[tuple[str, type, object, str], ...] = (
        ("temperature", float, 0.0, "temperature of sampling; 0 is greedy"),
        ("max-model-len", int, defaults.max_model_len, "tokens of prompt and answer together"),
        ("dtype", str, defaults.dtype, "float32, bfloat16, or auto"),
        ("threads", int, defaults.threads, "cores of an engine on a CPU; 0 for all"),
        ("kv-cache-gb", float, defaults.kv_cache_gb, "GiB for keys and values"),
        ("timeout", float, defaults.timeout, "seconds to wait for an answer of an endpoint"),
    )
    for name, kind, value, text in numbers:
        group.add_argument(
            f"--{name}", type=kind, default=value, metavar="X", help=f"{text} (default: {value})"
        )


def engine_of(args: argparse.Namespace) -> EngineConfig:
    """The engine of the model under test; the benchmark sets the length of its answers.

    Raises:
        EngineError: the endpoint does not answer, or serves several models and no name is given.
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
    name = args.name if is_url(args.model) else args.model
    if not name:
        name = _only_model(args.model, api_key(args.api_key_env, "--api-key-env"))
    return settings.of(name, args.temperature)


def helper_of(role: Role, args: argparse.Namespace) -> ModelEndpoint:
    """The model that the arguments name for a role."""
    given = vars(args)
    return replace(
        NO_MODEL,
        url=given[role] or "",
        model=given[f"{role}_model"] or "",
        api_key_env=given[f"{role}_api_key_env"],
        max_tokens=given[f"{role}_max_tokens"],
        timeout=args.timeout,
    )


def _only_model(url: str, key: str) -> str:
    try:
        names = offered(url, key)
    except EndpointBusy as error:
        raise EngineError(str(error)) from error
    if len(names) != 1:
        raise EngineError(f"{url} serves {', '.join(names) or 'nothing'}: name one with --name")
    return names[0]
