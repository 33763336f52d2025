"""What a token buys: golden dialogues and pairs, by search strategy, at equal budgets.

``python -m bench.curves DATA --noise 0.9`` plays a folder of converted ToolWOZ with a scripted
policy, ``--endpoint URL --model NAME`` with a model. Prints JSON, and draws it with ``--plot``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import asdict, dataclass, replace
from itertools import accumulate
from pathlib import Path
from typing import Any

from josh.config import JoshConfig
from josh.curation import extract
from josh.scheduler import harvest_all
from josh.tree import Tree
from toolwoz.chat import ChatClient
from toolwoz.completion import Completion, Message, Policy, Tool
from toolwoz.episode import Episode
from toolwoz.policies.expert import Expert
from toolwoz.policies.noisy import Noisy
from toolwoz.scenario import Scenario, read_scenarios
from toolwoz.users.agenda import AgendaUser
from toolwoz.world import World

STRATEGIES: Mapping[str, JoshConfig] = {
    "josh, exact": JoshConfig(),
    "all rewards": JoshConfig(all_rewards=True),
    "best leaf": JoshConfig(best_leaf=True),
    "refill": JoshConfig(refill=True),
    "merge": JoshConfig(merge=True),
    "probation 1": JoshConfig(probation=1),
    "patience 6": JoshConfig(patience=6),
    "end on error": JoshConfig(end_on_error=True),
    "action-level": JoshConfig(branching="message"),
    "refill, end on error": JoshConfig(refill=True, end_on_error=True),
    "the same, and patience 6": JoshConfig(refill=True, end_on_error=True, patience=6),
    "the same, all and best": JoshConfig(
        refill=True, end_on_error=True, patience=6, all_rewards=True, best_leaf=True
    ),
    "rollouts, 8": JoshConfig(strategy="rollouts"),
    "rollouts, 4": JoshConfig(strategy="rollouts", beam=4),
}


@dataclass(frozen=True)
class Point:
    """What was harvested when so many tokens had been written.

    Attributes:
        tokens: Written by the policy, in thousands.
        golden: Dialogues with every goal reached on the golden path.
        reward: Of the golden paths, summed over dialogues.
        pairs: Clean DPO pairs.
    """

    tokens: float
    golden: float
    reward: float
    pairs: float


class Counted:
    """A scripted policy that counts a token for four characters, as no tokenizer is at work."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy

    async def __call__(
        self, messages: Sequence[Message], tools: Sequence[Tool], *, seed: int
    ) -> Completion | None:
        completion = await self.policy(messages, tools, seed=seed)
        tokens = len(json.dumps(completion.message)) // 4 if completion else 0
        return completion and replace(completion, completion_tokens=tokens)


def curve(trees: Sequence[Tree]) -> list[Point]:
    """A point after each dialogue."""
    pairs = [len(extract("dpo", [tree]).rows) for tree in trees]
    columns: tuple[Iterator[float], ...] = (
        (round(tokens / 1000, 2) for tokens in accumulate(t.completion_tokens for t in trees)),
        accumulate(float(tree.reward == 1) for tree in trees),
        (round(reward, 2) for reward in accumulate(tree.reward for tree in trees)),
        accumulate(map(float, pairs)),
    )
    return [Point(*values) for values in zip(*columns, strict=True)]


async def harvested(
    scenarios: Mapping[str, Scenario],
    world: World,
    policy: Policy,
    config: JoshConfig,
    budget: float,
) -> list[Tree]:
    """Trees in the order of the scenarios, until their tokens (in thousands) are spent."""

    async def start(scenario: str, _opening: object) -> Episode:
        return await Episode.start(scenarios[scenario], world, AgendaUser())

    trees: list[Tree] = []
    spent = 0.0
    async with aclosing(harvest_all(list(scenarios), start, [policy], config)) as harvest:
        async for tree in harvest:
            spent += tree.completion_tokens / 1000
            if spent > budget:
                return trees
            trees.append(tree)
    raise ValueError(
        f"{len(scenarios)} scenarios cost only {spent:.0f} of {budget} thousand tokens"
    )


@asynccontextmanager
async def policy_of(options: argparse.Namespace, world: World) -> AsyncIterator[Policy]:
    if options.endpoint:
        async with ChatClient(options.endpoint, options.model) as client:
            yield client
    else:
        yield Counted(Noisy(Expert(world), options.noise))


async def measure(options: argparse.Namespace) -> dict[str, Any]:
    world = World.load(options.data)
    listed = read_scenarios(options.data / "scenarios.jsonl", "train")
    scenarios = {scenario.id: scenario for scenario in listed}
    curves = {}
    async with policy_of(options, world) as policy:
        for name, config in STRATEGIES.items():
            trees = await harvested(scenarios, world, policy, config, options.budget)
            curves[name] = curve(trees)
    if options.plot:
        plot(curves, options.plot)
    return {
        "policy": options.model or f"expert with {options.noise:.0%} of its calls spoiled",
        "budget_thousand_tokens": options.budget,
        "strategies": {
            name: {"dialogues": len(points), **asdict(points[-1])}
            for name, points in curves.items()
        },
    }


def plot(curves: Mapping[str, Sequence[Point]], path: Path) -> None:
    import matplotlib

    matplotlib.use("svg")
    # The same figure is the same file, and its words stay words.
    matplotlib.rcParams.update({"svg.hashsalt": "josh", "svg.fonttype": "none"})
    from matplotlib import pyplot as plt

    colours = matplotlib.colormaps["tab20"]
    figure, axes = plt.subplots(1, 2, figsize=(11, 4.6), layout="constrained")
    for axis, what in zip(axes, ("golden", "pairs"), strict=True):
        for number, (name, points) in enumerate(curves.items()):
            line = "--" if name.startswith("rollouts") else "-"
            width = 2.6 if name == "josh, exact" else 1.3
            tokens = [point.tokens for point in points]
            found = [getattr(point, what) for point in points]
            axis.plot(tokens, found, line, lw=width, label=name, color=colours(number))
        axis.set(xlabel="thousand tokens written by the policy")
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_title("dialogues with every goal reached")
    axes[1].set_title("clean DPO pairs")
    axes[1].legend(fontsize=8, frameon=False)
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder of scenarios.jsonl and the world")
    parser.add_argument("--budget", type=float, default=100, help="thousand tokens a strategy")
    parser.add_argument("--noise", type=float, default=0.9)
    parser.add_argument("--endpoint", help="an OpenAI-compatible URL, up to and with /v1")
    parser.add_argument("--model", default="")
    parser.add_argument("--plot", type=Path, help="an .svg file")
    print(json.dumps(asyncio.run(measure(parser.parse_args())), indent=2))


if __name__ == "__main__":
    main()
