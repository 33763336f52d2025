"""Make the base policy: what JOSH starts from.

The embedded policy is an apprentice and then an employee. It is shown how the scripted expert of
``toolwoz.policies`` serves the agenda user in invented towns, once. Then it is shown the same by a
clerk who is often in a hurry, and picks up the habits. After that it is sent to a town whose names
it has never seen. So it can do what its users ask, and often does not bother: JOSH has something to
select.
"""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tasks import remote
from tasks.dialogues import DialogueConfig
from tasks.embedded import EmbeddedConfig, build_model, build_tokenizer
from tasks.fingerprint import key
from tasks.pretrained import fetch_pretrained, load_smollm2
from tasks.train import Recipe, Trained, fit
from toolwoz import synthetic
from toolwoz.completion import Policy
from toolwoz.conversion import convert
from toolwoz.multiwoz import read_corpus
from toolwoz.policies.expert import Expert
from toolwoz.policies.hurried import Hurried
from toolwoz.runner import run
from toolwoz.scenario import Scenario
from toolwoz.seeds import stable_seed
from toolwoz.users.agenda import AgendaUser
from toolwoz.world import World

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Lessons:
    """Demonstrations in invented towns, and how a model is trained on them.

    Attributes:
        towns: How many; each has names of its own, so that there is little to memorise. 0: no
            such lessons.
        dialogues: Visitors of each town. All are shown, served well or not.
        hurry: Share of the calls in which the clerk cuts a corner
            (:class:`toolwoz.policies.hurried.Hurried`); 0 is the expert.
        trl: Options of TRL's ``SFTConfig``.
    """

    towns: int
    dialogues: int
    hurry: float
    trl: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class BootstrapConfig:
    """The section ``bootstrap``.

    Attributes:
        kind: ``embedded`` makes a model from nothing, ``smollm2`` starts from
            SmolLM2-135M-Instruct; both take lessons. ``pretrained`` takes one as it is.
            ``endpoint`` leaves it where ``engine.urls`` serve it: it can be harvested from and
            evaluated, and others train it (``python -m tasks.frontier``).
        pretrained: Of kind ``pretrained``: a model of the Hugging Face Hub, as
            ``ORGANISATION/NAME@REVISION``, or a folder. Of ``endpoint``: what it is called there.
        seed: Of the towns, the weights, the users and the order of training.
        model: Size of the embedded model.
        apprenticeship: What it is shown first: its skill.
        employment: What it is shown then: its habits.
    """

    kind: Literal["embedded", "smollm2", "pretrained", "endpoint"]
    pretrained: str
    seed: int
    model: EmbeddedConfig
    apprenticeship: Lessons
    employment: Lessons


def bootstrap(
    config: BootstrapConfig, dialogue: DialogueConfig, out: Path, *, work: Path
) -> dict[str, Trained]:
    """Write the base policy to ``out`` as safetensors with its tokenizer.

    Returns:
        What its apprenticeship and its employment took; nothing for a model taken as it is.

    Raises:
        tasks.pretrained.PretrainedError: the model is not to be had.
    """
    if config.kind == "endpoint":
        remote.write(out, config.pretrained)
        return {}
    if config.kind == "pretrained":
        fetch_pretrained(config.pretrained, out)
        return {}
    skilled = work / "skilled" if config.employment.towns else out
    trained = {"apprenticeship": _apprenticeship(config, dialogue, skilled, work)}
    if config.employment.towns:
        trained["employment"] = _employment(config, dialogue, skilled, out, work)
        shutil.rmtree(skilled)
    return trained


def _apprenticeship(
    config: BootstrapConfig, dialogue: DialogueConfig, out: Path, work: Path
) -> Trained:
    """The first lessons; not given again to a model that a killed run had finished."""
    rows = demonstrations(config.apprenticeship, dialogue, work / "towns", config.seed)
    done = work / f"skilled-{key(rows=rows, config=asdict(config))}.json"
    if done.exists():
        log.info("the apprenticeship was finished before")
        return Trained(**json.loads(done.read_text(encoding="utf-8")))
    if config.kind == "smollm2":
        model, tokenizer = load_smollm2()
    else:
        tokenizer = build_tokenizer(_texts(rows), config.model)
        model = build_model(config.model, tokenizer, config.seed)
    trained = _learn(config.apprenticeship, rows, model, tokenizer, out, work, config.seed)
    done.write_text(json.dumps(asdict(trained)), encoding="utf-8")
    return trained


def _employment(
    config: BootstrapConfig, dialogue: DialogueConfig, skilled: Path, out: Path, work: Path
) -> Trained:
    from transformers import AutoTokenizer

    seed = stable_seed(config.seed, "employment")
    rows = demonstrations(config.employment, dialogue, work / "towns", seed)
    tokenizer = AutoTokenizer.from_pretrained(skilled)
    return _learn(config.employment, rows, str(skilled), tokenizer, out, work, config.seed)


def _learn(
    lessons: Lessons,
    rows: Sequence[Mapping[str, Any]],
    policy: PreTrainedModel | str,
    tokenizer: PreTrainedTokenizerBase,
    out: Path,
    work: Path,
    seed: int,
) -> Trained:
    from datasets import Dataset

    recipe = Recipe("sft", "demonstrations", lessons.trl, {})
    data = Dataset.from_list([dict(row) for row in rows])
    return fit(recipe, data, policy, tokenizer, out, work=work / "training", seed=seed)


def demonstrations(
    config: Lessons, dialogue: DialogueConfig, folder: Path, seed: int
) -> list[dict[str, Any]]:
    """What the clerks did, as ``{"messages", "tools"}`` with tools as JSON text."""
    rows = []
    for number in range(config.towns):
        town = stable_seed(seed, "town", number)
        synthetic.write_corpus(folder, seed=town, train=config.dialogues, val=0, test=0)
        conversion = convert(read_corpus(folder), "v2")
        world = replace(conversion.world, limits=dialogue.limits, max_results=dialogue.max_results)
        clerk = Hurried(Expert(world), config.hurry)
        rows += asyncio.run(_play(clerk, conversion.scenarios, dialogue, world, town))
    log.info("%d dialogues were demonstrated in %d towns", len(rows), config.towns)
    return rows


async def _play(
    clerk: Policy,
    scenarios: Sequence[Scenario],
    dialogue: DialogueConfig,
    world: World,
    seed: int,
) -> list[dict[str, Any]]:
    tools = json.dumps(list(world.tools))
    results = await run(
        clerk,
        scenarios,
        lambda scenario, its_seed: dialogue.start(scenario, world, AgendaUser, its_seed),
        concurrency=1,
        seed=seed,
    )
    return [{"messages": list(r.messages), "tools": tools} for r in results if r.scored]


def _texts(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """What the tokenizer learns its words from: speech, calls, answers and tool names."""
    texts = []
    for message in (message for row in rows for message in row["messages"]):
        texts.append(message.get("content") or "")
        for call in message.get("tool_calls") or ():
            texts.append(json.dumps({"name": call["function"]["name"], "arguments": {}}))
            texts.append(call["function"]["arguments"])
    return texts
