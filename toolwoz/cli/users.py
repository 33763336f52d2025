"""The users that a command line can name."""

from __future__ import annotations

import argparse
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple, get_args

from dialogue.endpoints.client import ChatClient
from toolwoz.cli.policies import read_key
from toolwoz.users.choice import NEED_MODEL, UserName, Users, choose_user, require_human
from toolwoz.world.scenario import Scenario

USERS = get_args(UserName)


class NamedUser(NamedTuple):
    """A factory of users, and the configuration that the results depend on."""

    make: Users
    configuration: dict[str, Any]


def configure(parser: argparse.ArgumentParser) -> None:
    """Add ``--user`` and its options."""
    parser.add_argument(
        "--user",
        choices=USERS,
        default=USERS[0],
        help="whom it talks to: rules that need no model; a model that knows the goal; one that "
        "also sees the human dialogue; the human's own words, whatever the agent says",
    )
    group = parser.add_argument_group("a user behind an endpoint (goal, guide)")
    group.add_argument("--user-url", metavar="URL", help="URL of an OpenAI-compatible endpoint")
    group.add_argument("--user-model", metavar="MODEL", help="name the endpoint knows it by")
    group.add_argument("--user-api-key-file", type=Path, metavar="FILE", help="file with its key")


@asynccontextmanager
async def open_user(
    args: argparse.Namespace, scenarios: Iterable[Scenario]
) -> AsyncIterator[NamedUser]:
    """The kind of user that the arguments name, until the context ends.

    Raises:
        ValueError: its endpoint is missing, or a scenario has no human dialogue and it needs one.
    """
    require_human(args.user, scenarios)
    configuration: dict[str, Any] = {"user": args.user}
    if args.user not in NEED_MODEL:
        yield NamedUser(choose_user(args.user), configuration)
        return
    async with _client(args) as client:
        yield NamedUser(
            choose_user(args.user, client), {**configuration, "user_model": client.model}
        )


def _client(args: argparse.Namespace) -> ChatClient:
    if not (args.user_url and args.user_model):
        raise ValueError(f"user {args.user} needs --user-url URL and --user-model NAME")
    key = read_key(args.user_api_key_file)
    return ChatClient(args.user_url, args.user_model, api_key=key)
