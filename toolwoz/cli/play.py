"""Play the agent yourself against a simulated user, or watch a policy do it.

Without --policy you are the agent: type what you say; begin a line with / to call a tool, as in
  /search_hotel area=north, pricerange=cheap
  /help  lists the tools and their parameters
  /quit  ends the dialogue
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

from dialogue.protocols import Completion, Message, Policy, Tool
from dialogue.strict_json import dumps
from dialogue.tool_text import FunctionCall, assistant
from toolwoz.cli import folders, policies, users
from toolwoz.evaluation.runs.benchmark import starter
from toolwoz.evaluation.runs.result import Result
from toolwoz.evaluation.runs.runner import PerScenario, play
from toolwoz.evaluation.transcript import Transcript
from toolwoz.world.scenario import Scenario


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("scenario", metavar="SCENARIO", help="its id, such as PMUL0006")
    policies.configure(parser, required=False)
    users.configure(parser)
    folders.configure(parser)
    parser.add_argument("--seed", type=int, default=0, help="seed of the dialogue")


def run(args: argparse.Namespace) -> None:
    data = folders.open_data(args)
    scenario = data.scenario(args.scenario)
    transcript = Transcript(colour=sys.stdout.isatty())
    result = asyncio.run(_play(args, data, scenario, transcript))
    print("", transcript.scenario(scenario, result.earned), "", sep="\n")
    if result.error:
        raise ValueError(f"the dialogue is unscored: {result.error}")
    print(f"reward {result.reward:.2f}: {len(result.earned)} of {len(result.goals)} goal calls")


async def _play(
    args: argparse.Namespace, data: folders.Data, scenario: Scenario, transcript: Transcript
) -> Result:
    async with AsyncExitStack() as stack:
        user = await stack.enter_async_context(users.open_user(args, [scenario]))
        agent: Policy | PerScenario = HumanPolicy()
        if args.policy:
            agent = (await stack.enter_async_context(policies.open_policy(args, data.world))).policy
        if isinstance(agent, PerScenario):
            agent = agent.make(scenario)
        screen = Screen(agent, transcript)
        start = starter(data.world, user.make)
        result = await play(screen, scenario, start, seed=args.seed)
        screen.show(result.messages)
        return result


@dataclass(slots=True)
class Screen:
    """A policy that also prints the dialogue while another policy plays it."""

    policy: Policy
    transcript: Transcript
    shown: int = 0

    async def __call__(
        self, messages: Sequence[Message], tools: Sequence[Tool], *, seed: int
    ) -> Completion | None:
        self.show(messages)
        return await self.policy(messages, tools, seed=seed)

    def show(self, messages: Sequence[Message]) -> None:
        """Print the messages that are not printed yet."""
        for message in messages[self.shown :]:
            if message["role"] != "system":
                print(self.transcript.message(message))
        self.shown = len(messages)


class HumanPolicy:
    """A policy whose messages are typed at the keyboard."""

    async def __call__(
        self, messages: Sequence[Message], tools: Sequence[Tool], *, seed: int
    ) -> Completion | None:
        """The typed message; None after ``/quit`` or at the end of the input."""
        del messages, seed  # shown on the screen; people need no seed
        line = _read_line()
        while line == "/help":
            print("\n".join(map(usage, tools)))
            line = _read_line()
        if line == "/quit":
            return None
        call = [typed_call(line[1:])] if line.startswith("/") else []
        return Completion(assistant("" if call else line, call))


def _read_line() -> str:
    """The next line that is not empty; ``/quit`` at the end of the input."""
    try:
        while not (line := input("you> ").strip()):
            pass
    except EOFError:
        return "/quit"
    return line


def typed_call(line: str) -> FunctionCall:
    """The call that ``TOOL slot=value, slot=value`` or ``TOOL {JSON}`` stands for."""
    name, _, rest = line.partition(" ")
    if rest.lstrip().startswith("{"):
        return FunctionCall(name, rest.strip())
    pairs = (pair.partition("=") for pair in rest.split(",") if pair.strip())
    return FunctionCall(name, dumps({slot.strip(): value.strip() for slot, _, value in pairs}))


def usage(tool: Tool) -> str:
    """One line that shows how to call a tool."""
    function = tool["function"]
    required = function["parameters"].get("required", ())
    slots = (
        slot if slot in required else f"[{slot}]" for slot in function["parameters"]["properties"]
    )
    return f"  /{function['name']} {', '.join(slots)}"
