"""Make the base policy: what JOSH starts from.

The embedded policy is an apprentice: it is shown how the scripted expert of ``toolwoz.policies``
serves the agenda user in invented towns, once, and not for long. Then it is sent to a town whose
names it has never seen.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tasks import remote
from tasks.dialogues import DialogueConfig
from tasks.embedded import EmbeddedConfig, build_model, build_tokenizer
from tasks.pretrained import fetch_pretrained, load_smollm2
from tasks.train import Recipe, Trained, fit
from toolwoz import synthetic
from toolwoz.conversion import convert
from toolwoz.multiwoz import read_corpus
from toolwoz.policies.expert import Expert
from toolwoz.runner import run
from toolwoz.scenario import Scenario
from toolwoz.seeds import stable_seed
from toolwoz.users.agenda import AgendaUser
from toolwoz.world import World

if TYPE_CHECKING:
    from datasets import Dataset

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Apprenticeship:
    """Demonstrations in invented towns.

    Attributes:
        towns: How many; each has names of its own, so that there is little to memorise.
        dialogues: Visitors of each town; those the expert fails are left out.
        trl: Options of TRL's ``SFTConfig``.
    """

    towns: int
    dialogues: int
    trl: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class BootstrapConfig:
    """The section ``bootstrap``.

    Attributes:
        kind: ``embedded`` makes a model from nothing, ``smollm2`` starts from
            SmolLM2-135M-Instruct; both serve an apprenticeship. ``pretrained`` takes one as it
            is. ``endpoint`` leaves it where ``engine.urls`` serve it: it can be harvested from
            and evaluated, and others train it (``python -m tasks.frontier``).
        pretrained: Of kind ``pretrained``: a model of the Hugging Face Hub, as
            ``ORGANISATION/NAME@REVISION``, or a folder. Of ``endpoint``: what it is called there.
        seed: Of the towns, the weights, the users and the order of training.
        model: Size of the embedded model.
        apprenticeship: What it is shown.
    """

    kind: Literal["embedded", "smollm2", "pretrained", "endpoint"]
    pretrained: str
    seed: int
    model: EmbeddedConfig
    apprenticeship: Apprenticeship


def bootstrap(
    config: BootstrapConfig, dialogue: DialogueConfig, out: Path, *, work: Path
) -> Trained | None:
    """Write the base policy to ``out`` as safetensors with its tokenizer.

    Returns:
        What its apprenticeship took; None for a model that is taken as it is.

    Raises:
        tasks.pretrained.PretrainedError: the model is not to be had.
    """
    if config.kind == "endpoint":
        remote.write(out, config.pretrained)
        return None
    if config.kind == "pretrained":
        fetch_pretrained(config.pretrained, out)
        return None
    rows = demonstrations(config.apprenticeship, dialogue, work / "towns", config.seed)
    if config.kind == "smollm2":
        model, tokenizer = load_smollm2()
    else:
        tokenizer = build_tokenizer(_texts(rows), config.model)
        model = build_model(config.model, tokenizer, config.seed)
    recipe = Recipe("sft", "demonstrations", config.apprenticeship.trl, {})
    return fit(
        recipe, _dataset(rows), model, tokenizer, out, work=work / "training", seed=config.seed
    )


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
        rows += asyncio.run(_play(conversion.scenarios, dialogue, world, town))
    log.info("the expert demonstrated %d dialogues in %d towns", len(rows), config.towns)
    return rows


async def _play(
    scenarios: Sequence[Scenario], dialogue: DialogueConfig, world: World, seed: int
) -> list[dict[str, Any]]:
    tools = json.dumps(list(world.tools))
    results = await run(
        Expert(world),
        scenarios,
        lambda scenario, its_seed: dialogue.start(scenario, world, AgendaUser, its_seed),
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
