"""The policies that a command line can name."""

from __future__ import annotations

import argparse
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from dialogue.endpoints.client import ChatClient
from dialogue.endpoints.settings import clean_key
from dialogue.protocols import Message, Policy, Tool
from dialogue.tool_text import parse
from toolwoz.agents.expert import Expert
from toolwoz.agents.noisy import Noisy
from toolwoz.agents.oracle import Oracle
from toolwoz.agents.random import RandomCalls
from toolwoz.agents.react import ReactPolicy
from toolwoz.evaluation.runs.runner import PerScenario
from toolwoz.world.world import World

SCRIPTED = ("oracle", "expert", "noisy", "random")
FORMATS = ("function_calling", "hermes", "react")


class NamedPolicy(NamedTuple):
    """A policy, and the configuration its results depend on, without addresses and keys."""

    policy: Policy | PerScenario
    configuration: dict[str, Any]


def configure(parser: argparse.ArgumentParser, *, required: bool) -> None:
    """Add ``--policy`` and its options."""
    parser.add_argument(
        "--policy",
        required=required,
        help=f"{', '.join(SCRIPTED)}, or the URL of an OpenAI-compatible endpoint (.../v1)",
    )
    parser.add_argument(
        "--noise", type=float, default=0.2, metavar="RATE", help="calls that policy noisy spoils"
    )
    group = parser.add_argument_group("a policy behind an endpoint")
    group.add_argument("--model", help="name the endpoint knows the model by")
    group.add_argument("--api-key-file", type=Path, metavar="FILE", help="file with its API key")
    group.add_argument(
        "--agent",
        choices=FORMATS,
        default=FORMATS[0],
        help="how it calls tools: the endpoint parses its calls; or its text is parsed here, as "
        "Hermes <tool_call> tags, or as PLAN, APICALL and SPEAK commands",
    )
    group.add_argument("--temperature", type=float, default=0.0, help="temperature of sampling")
    group.add_argument(
        "--max-tokens", type=int, default=512, metavar="N", help="tokens of one message"
    )


@asynccontextmanager
async def open_policy(args: argparse.Namespace, world: World) -> AsyncIterator[NamedPolicy]:
    """The policy that the arguments name, until the context ends.

    Raises:
        ValueError: there is no such policy, or its endpoint needs a ``--model``.
    """
    if not args.policy.startswith(("http://", "https://")):
        yield _scripted(args, world)
        return
    if not args.model:
        raise ValueError("a policy behind an endpoint needs --model NAME")
    client = ChatClient(
        args.policy,
        args.model,
        api_key=read_key(args.api_key_file),
        temperature=args.temperature,
        max_tokens=args.max_tokens,
        text_tools=_read if args.agent == "hermes" else None,
    )
    configuration = {
        "policy": args.model,
        "agent": args.agent,
        "temperature": args.temperature,
        "max_tokens": args.max_tokens,
    }
    async with client:
        yield NamedPolicy(ReactPolicy(client) if args.agent == "react" else client, configuration)


def _read(text: str, token_ids: Sequence[int], tools: Sequence[Tool]) -> Message:  # noqa: ARG001
    return parse(text)


def read_key(path: Path | None) -> str:
    """The API key in a file; empty where there is none.

    Raises:
        ValueError: it holds something else.
    """
    return clean_key(path.read_text(encoding="utf-8"), str(path)) if path else ""


def _scripted(args: argparse.Namespace, world: World) -> NamedPolicy:
    configuration: dict[str, Any] = {"policy": args.policy}
    match args.policy:
        case "oracle":
            return NamedPolicy(PerScenario(Oracle), configuration)
        case "expert":
            return NamedPolicy(Expert(world), configuration)
        case "random":
            return NamedPolicy(RandomCalls(), configuration)
        case "noisy":
            return NamedPolicy(_noisy(args.noise), {**configuration, "noise": args.noise})
    raise ValueError(f"no policy {args.policy!r}: {', '.join(SCRIPTED)}, or a URL (http...)")


def _noisy(rate: float) -> PerScenario:
    if not 0 <= rate <= 1:
        raise ValueError(f"--noise {rate} is not between 0 and 1")
    return PerScenario(lambda scenario: Noisy(Oracle(scenario), rate))
