"""``make chat``: be the user of a policy, with its calls, the databases' answers and the reward.

With a scenario, its goals are yours; without one, any talk goes and nothing is scored. An empty
line or Ctrl-D hangs up.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from dialogue.errors import Fault
from dialogue.progress import any_terminal
from dialogue.protocols import Message, Policy
from dialogue.seeds import stable_seed
from flows import paths
from flows.params import ParamsError, load_sections
from services.engines import open_engine
from tasks.rounds.sequence import BASE, read_stop
from toolwoz.evaluation.transcript import Transcript
from toolwoz.world.episode import Episode
from toolwoz.world.scenario import SCENARIOS, Scenario, read_scenarios


class Person:
    """A user whose words are typed at the keyboard."""

    async def __call__(self, scenario: Scenario, messages: Sequence[Message]) -> str | None:
        """The typed line; None to hang up."""
        del scenario, messages  # they are on the screen
        return typed()


def typed() -> str | None:
    try:
        return input("  you  ").strip() or None
    except EOFError:
        return None


async def talk(policy: Policy, episode: Episode, transcript: Transcript, seed: int) -> None:
    """Let the policy answer until someone hangs up; print its messages, tools' answers and reward.

    Raises:
        EngineError: the policy gave no answer.
    """
    while not episode.done:
        place, before = len(episode.messages), episode.earned
        said = await policy(episode.messages, episode.tools, seed=stable_seed(seed, place))
        if said is None:
            return
        print(transcript.message(said.message))
        await episode.step(said.message)
        for message in episode.messages[place:]:
            if message["role"] == "tool":
                print(transcript.message(message))
        for goal in sorted(episode.earned - before):
            print(transcript.styled("heading", f"  ✓ {goal}"))


def latest() -> Path:
    """Folder of the policy that the last finished round left, or else of the base."""
    rounds = sorted(paths.MODELS.glob("r*"), key=lambda path: int(path.name[1:]))
    left = [path for path in rounds if read_stop(path) is None]
    return [paths.MODELS / BASE, *left][-1]


def chosen(name: str) -> Scenario:
    """The scenario of an id; "" is any of the test split, without its goals.

    Raises:
        ValueError: there is none of that id, or no corpus yet.
    """
    file = paths.CORPUS / SCENARIOS
    if not file.is_file():
        raise ValueError(f"there is no {file} yet: run `make repro` first")
    for scenario in read_scenarios(file):
        if name == scenario.id:
            return scenario
        if not name and scenario.split == "test":
            return replace(scenario, goals=(), instructions=())
    raise ValueError(f"{paths.CORPUS} has no scenario {name or 'of the test split'}")


async def run(policy: Policy, scenario: Scenario, seed: int) -> None:
    """One dialogue at the terminal."""
    dialogue = load_sections(["dialogue"])["dialogue"]
    transcript = Transcript(colour=sys.stdout.isatty())
    if scenario.goals:
        print("", transcript.scenario(scenario), "", sep="\n")
    episode = await Episode.start(
        scenario,
        dialogue.world(paths.CORPUS),
        Person(),
        system_prompt=dialogue.system_prompt,
        seed=seed,
    )
    await talk(policy, episode, transcript, seed)
    if scenario.goals:
        print(f"\nreward {len(episode.earned) / len(scenario.goals):.2f}")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    any_terminal()
    parser = argparse.ArgumentParser(prog="python -m flows.tools.chat", description=__doc__)
    parser.add_argument("policy", nargs="?", help="its folder; by default what the rounds led to")
    parser.add_argument("--scenario", default="", help="id of the scenario whose user you are")
    parser.add_argument("--temperature", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    try:
        scenario = chosen(options.scenario)
        folder = options.policy or latest()
        config = load_sections(["engine"])["engine"].of(folder, options.temperature)
        print(f"{folder} is being loaded; an empty line or Ctrl-D hangs up", file=sys.stderr)
        with open_engine(config, log=paths.LOGS / "chat-engine.log") as policy:
            asyncio.run(run(policy, scenario, options.seed))
    except KeyboardInterrupt:
        print()
        return 130
    except (ParamsError, Fault, ValueError, OSError) as error:
        print(f"make chat: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
