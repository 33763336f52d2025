"""Gains per token: golden dialogues and pairs, by search strategy, at equal budgets.

    python -m bench.curves data/toolwoz --model models/base --budget 40 --plot docs/embedded.svg
    python -m bench.curves data/toolwoz --noise 0.95 --budget 120 --plot docs/search.svg

The first plays a model as the stage harvest does: dialogues, engine and temperature are those of
params.yaml, whose own search is one of the strategies. The second plays a scripted policy. Prints
JSON; the log on stderr has each strategy as it ends.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import asdict, dataclass, replace
from itertools import accumulate
from pathlib import Path
from typing import Any

from dialogue.protocols import Completion, Message, Policy, Tool
from flows.params import load_section
from josh.harvesting.scheduler import Limits, Start, harvest_all
from josh.rows.curation import extract
from josh.search.config import JoshConfig, RolloutsConfig, SearchConfig
from josh.tree.tree import Tree
from services.engines import open_engine
from tasks.harvest.explore import starter
from toolwoz.agents.expert import Expert
from toolwoz.agents.noisy import Noisy
from toolwoz.users.agenda import AgendaUser
from toolwoz.world.episode import Episode
from toolwoz.world.scenario import Scenario, read_scenarios
from toolwoz.world.world import World

log = logging.getLogger(__name__)

STRATEGIES: Mapping[str, SearchConfig] = {
    "josh, exact": JoshConfig(),
    "all rewards": JoshConfig(all_rewards=True),
    "best leaf": JoshConfig(best_leaf=True),
    "refill": JoshConfig(refill=True),
    "patience 6": JoshConfig(patience=6),
    "end on error": JoshConfig(end_on_error=True),
    "refill, end on error": JoshConfig(refill=True, end_on_error=True),
    "the same, and patience 6": JoshConfig(refill=True, end_on_error=True, patience=6),
    "the same, all and best": JoshConfig(
        refill=True, end_on_error=True, patience=6, all_rewards=True, best_leaf=True
    ),
    "rollouts, 8": RolloutsConfig(),
    "rollouts, 4": RolloutsConfig(beam=4),
}


@dataclass(frozen=True)
class Point:
    """What was harvested when so many tokens had been written.

    Attributes:
        tokens: Written by the policy, in thousands.
        golden: Dialogues with every goal reached on the golden path.
        reward: Sum of the golden paths' rewards over dialogues.
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
    scenarios: Sequence[str],
    start: Start,
    policy: Policy,
    config: SearchConfig,
    options: argparse.Namespace,
) -> list[Tree]:
    """Trees in the order of the scenarios, until their tokens (in thousands) are spent."""
    trees: list[Tree] = []
    spent = 0.0
    limits = Limits(dialogues=options.dialogues, calls=16 * options.dialogues)
    harvest = harvest_all(scenarios, start, policy, config, limits=limits)
    async with aclosing(harvest):
        async for tree in harvest:
            if tree.error:
                raise RuntimeError(tree.error)
            spent += tree.completion_tokens / 1000
            if spent > options.budget:
                if not trees:
                    raise ValueError(f"the first dialogue costs {spent:.1f}: raise --budget")
                return trees
            trees.append(tree)
    raise ValueError(
        f"{len(scenarios)} scenarios cost only {spent:.0f} of {options.budget} thousand tokens"
    )


@contextmanager
def policy_of(options: argparse.Namespace) -> Iterator[Policy]:
    if not options.model:
        yield Counted(Noisy(Expert(World.load(options.data)), options.noise))
        return
    engine = load_section("engine").of(options.model, load_section("harvest").temperature)
    with open_engine(engine, log=Path("logs/curves-engine.log")) as policy:
        yield policy


def start_of(options: argparse.Namespace, scenarios: Mapping[str, Scenario]) -> Start:
    """How a dialogue begins: as in the stage harvest with a model, as ToolWOZ has it with none."""
    if options.model:
        dialogue = load_section("dialogue")
        return starter(scenarios, dialogue, dialogue.world(options.data), AgendaUser, seed=0)
    world = World.load(options.data)

    async def start(scenario: str, _opening: object) -> Episode:
        return await Episode.start(scenarios[scenario], world, AgendaUser())

    return start


def strategies(options: argparse.Namespace) -> dict[str, SearchConfig]:
    if not options.model:
        return dict(STRATEGIES)
    return {**STRATEGIES, "params.yaml": load_section("harvest").searches["josh"]}


def measure(options: argparse.Namespace) -> dict[str, Any]:
    listed = read_scenarios(options.data / "scenarios.jsonl", "train")
    scenarios = {scenario.id: scenario for scenario in listed}
    start = start_of(options, scenarios)
    curves = {}
    with policy_of(options) as policy:
        for name, config in strategies(options).items():
            began = time.monotonic()
            trees = asyncio.run(harvested(list(scenarios), start, policy, config, options))
            curves[name] = curve(trees)
            log.info("%s, %.0f s: %s", name, time.monotonic() - began, curves[name][-1])
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
    parser.add_argument("--model", default="", help="as the engine of params.yaml takes it")
    parser.add_argument("--noise", type=float, default=0.95, help="of the expert, without a model")
    parser.add_argument("--budget", type=float, default=100, help="thousand tokens a strategy")
    parser.add_argument("--dialogues", type=int, default=8, help="in flight")
    parser.add_argument("--plot", type=Path, help="an .svg file")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    print(json.dumps(measure(options), indent=2))


if __name__ == "__main__":
    main()
