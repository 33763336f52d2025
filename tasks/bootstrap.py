"""Make the base policy: what JOSH starts from.

The embedded policy is an apprentice. It is drilled on its tools, then shown how the scripted expert
of ``toolwoz.policies`` serves the agenda user in invented towns, visitors with one errand each.
Then it is sent to a town it has never seen, where visitors have several.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tasks.dialogues import DialogueConfig
from tasks.drills import drills
from tasks.embedded import EmbeddedConfig, build_model, build_tokenizer
from tasks.train import Recipe, Trained, fit
from toolwoz import synthetic
from toolwoz.conversion import convert
from toolwoz.multiwoz import read_corpus
from toolwoz.policies.expert import Expert
from toolwoz.runner import run
from toolwoz.scenario import Scenario
from toolwoz.seeds import stable_seed
from toolwoz.world import World

if TYPE_CHECKING:
    from datasets import Dataset

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Drills:
    """The first lesson: see ``tasks.drills``.

    Attributes:
        rows: How many rows of exercises.
        exchanges: Exercises in a row.
        trl: Options of TRL's ``SFTConfig``.
    """

    rows: int
    exchanges: int
    trl: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Apprenticeship:
    """The second lesson: demonstrations in invented towns.

    Attributes:
        towns: How many; each has names of its own, so that there is little to memorise.
        dialogues: Visitors of each town; those the expert fails are left out.
        max_domains: Most domains a visitor asks about. With 1, the apprentice has never seen one
            errand follow another.
        trl: Options of TRL's ``SFTConfig``.
    """

    towns: int
    dialogues: int
    max_domains: int
    trl: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class BootstrapConfig:
    """The section ``bootstrap``.

    Attributes:
        kind: ``embedded`` makes a model from nothing.
        seed: Of the towns, the weights, the users and the order of training.
        model: Size of the embedded model.
        drills, apprenticeship: What it is taught, in this order.
    """

    kind: Literal["embedded"]
    seed: int
    model: EmbeddedConfig
    drills: Drills
    apprenticeship: Apprenticeship


def bootstrap(
    config: BootstrapConfig, dialogue: DialogueConfig, out: Path, *, work: Path
) -> dict[str, Trained]:
    """Write the base policy to ``out`` as safetensors with its tokenizer; what each lesson took."""
    shown = demonstrations(config.apprenticeship, dialogue, work / "towns", config.seed)
    tools = json.loads(shown[0]["tools"])
    drilled = [
        {"messages": messages}
        for messages in drills(tools, config.drills.rows, config.drills.exchanges, config.seed)
    ]
    tokenizer = build_tokenizer(_texts([*drilled, *shown]), config.model)
    model = build_model(config.model, tokenizer, config.seed)
    lessons = {
        "drills": (config.drills.trl, drilled),
        "apprenticeship": (config.apprenticeship.trl, shown),
    }
    taught = {}
    for name, (trl, rows) in lessons.items():
        recipe = Recipe("sft", name, trl, {})
        taught[name] = fit(
            recipe, _dataset(rows), model, tokenizer, out, work=work / name, seed=config.seed
        )
    return taught


def demonstrations(
    config: Apprenticeship, dialogue: DialogueConfig, folder: Path, seed: int
) -> list[dict[str, Any]]:
    """Dialogues the expert won, as ``{"messages", "tools"}`` with tools as JSON text."""
    rows = []
    for number in range(config.towns):
        town = stable_seed(seed, "town", number)
        synthetic.write_corpus(folder, seed=town, train=config.dialogues, val=0, test=0)
        conversion = convert(read_corpus(folder), "v2")
        world = replace(conversion.world, limits=dialogue.limits, max_results=dialogue.max_results)
        simple = [one for one in conversion.scenarios if len(one.domains) <= config.max_domains]
        rows += asyncio.run(_play(simple, dialogue, world, town))
    log.info("the expert demonstrated %d dialogues in %d towns", len(rows), config.towns)
    return rows


async def _play(
    scenarios: Sequence[Scenario], dialogue: DialogueConfig, world: World, seed: int
) -> list[dict[str, Any]]:
    tools = json.dumps(list(world.tools))
    results = await run(
        Expert(world),
        scenarios,
        lambda scenario, its_seed: dialogue.start(scenario, world, its_seed),
        concurrency=1,
        seed=seed,
    )
    won = [result for result in results if result.scored and result.success]
    return [{"messages": list(result.messages), "tools": tools} for result in won]


def _texts(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """What the tokenizer learns its words from: speech, calls, answers and tool names."""
    texts = []
    for message in (message for row in rows for message in row["messages"]):
        texts.append(message.get("content") or "")
        for call in message.get("tool_calls") or ():
            texts.append(json.dumps({"name": call["function"]["name"], "arguments": {}}))
            texts.append(call["function"]["arguments"])
    return texts


def _dataset(rows: Sequence[Mapping[str, Any]]) -> Dataset:
    from datasets import Dataset

    return Dataset.from_list([dict(row) for row in rows])
