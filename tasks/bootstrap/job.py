"""Make the base policy: what JOSH starts from.

The embedded policy is an apprentice and then an employee. It is shown how the scripted expert of
``toolwoz.agents`` serves the agenda user, once. Then it is shown the same by a clerk who is often
in a hurry, and picks up the habits. Both serve scenarios of the train split that no harvest plays.
So it can do what its users ask, and often does not bother: JOSH has something to select.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from dialogue.protocols import Policy
from dialogue.seeds import stable_seed
from services import endpoint_model
from services.fingerprint import key
from services.mlflow import tracking
from tasks.bootstrap.embedded import EmbeddedConfig, build_model, build_tokenizer
from tasks.bootstrap.pretrained import fetch_pretrained, load_smollm2
from tasks.train.job import Recipe, Trained, fit
from toolwoz.agents.expert import Expert
from toolwoz.agents.shortcut import Hurried
from toolwoz.evaluation.runner import run
from toolwoz.users.agenda import AgendaUser
from toolwoz.users.dialogues import DialogueConfig
from toolwoz.world.scenario import Scenario, take_last
from toolwoz.world.world import World

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Lessons:
    """Demonstrations, and how a model is trained on them.

    Attributes:
        scenarios: How many of the train split are demonstrated, served well or not; 0: no such
            lessons. They are the last in its order, and the harvest's the first
            (:func:`toolwoz.users.dialogues.take`).
        hurry: Share of the calls in which the clerk cuts a corner
            (:class:`toolwoz.agents.shortcut.Hurried`); 0 is the expert.
        trl: Options of TRL's ``SFTConfig``.
    """

    scenarios: int
    hurry: float
    trl: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class BootstrapConfig:
    """The section ``bootstrap``.

    Attributes:
        kind: ``embedded`` makes a model from nothing, ``smollm2`` starts from
            SmolLM2-135M-Instruct; both take lessons. ``pretrained`` takes one as it is.
            ``endpoint`` leaves it where ``engine.urls`` serve it: it can be harvested from and
            evaluated, and others train it (``python -m flows.tools.finetune``).
        pretrained: Of kind ``pretrained``: a model of the Hugging Face Hub, as
            ``ORGANISATION/NAME@REVISION``, or a folder. Of ``endpoint``: what it is called there.
        seed: Of the weights, the users, the clerks and the order of training.
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

    @property
    def demonstrated(self) -> int:
        """Scenarios at the end of the train split that the base policy was shown."""
        if self.kind in ("pretrained", "endpoint"):
            return 0
        return self.apprenticeship.scenarios + self.employment.scenarios


def make_base(
    config: BootstrapConfig, dialogue: DialogueConfig, corpus: Path, out: Path, *, work: Path
) -> dict[str, Trained]:
    """Write the base policy to ``out`` as safetensors with its tokenizer.

    Args:
        config: What to make.
        dialogue: How the demonstrated dialogues are played; the user is always the agenda's.
        corpus: Folder of the converted corpus.
        out: The model's folder.
        work: Where a killed run finds what was done.

    Returns:
        What its apprenticeship and its employment took; nothing for a model taken as it is.

    Raises:
        ValueError: the train split has too few scenarios.
        tasks.bootstrap.pretrained.PretrainedError: the model is not to be had.
    """
    if config.kind == "endpoint":
        endpoint_model.write(out, config.pretrained)
        return {}
    if config.kind == "pretrained":
        fetch_pretrained(config.pretrained, out)
        return {}
    count = config.apprenticeship.scenarios
    if config.kind == "embedded" and not count:
        raise ValueError(
            "bootstrap.apprenticeship.scenarios is 0: an embedded model knows nothing before it; "
            "4000 of MultiWOZ or of the synthetic corpus make one that serves its users"
        )
    world = dialogue.world(corpus)
    shown = take_last(corpus, "train", config.demonstrated)
    first, later = shown[:count], shown[count:]
    skilled = work / "skilled" if later else out
    trained = {}
    if first:
        skill = demonstrations(config.apprenticeship.hurry, dialogue, world, first, config.seed)
        trained["apprenticeship"] = _apprenticeship(config, skill, skilled, work)
    else:
        _untaught(skilled, work)
    if later:
        seed = stable_seed(config.seed, "employment")
        habits = demonstrations(config.employment.hurry, dialogue, world, later, seed)
        trained["employment"] = _employment(config, habits, skilled, out, work)
    return trained


def _apprenticeship(
    config: BootstrapConfig, rows: Sequence[Mapping[str, Any]], out: Path, work: Path
) -> Trained:
    """The first lessons; not given again to a model that a killed run had finished."""
    facts = {"kind": config.kind, "seed": config.seed, "model": asdict(config.model)}
    lessons = asdict(config.apprenticeship)
    done = work / f"skilled-{key(rows=rows, lessons=lessons, **facts)}.json"
    if done.exists() and (out / "config.json").exists():
        log.info("the apprenticeship was finished before")
        return Trained(**json.loads(done.read_text(encoding="utf-8")))
    _forget_the_skilled(work)
    if config.kind == "smollm2":
        model, tokenizer = load_smollm2()
    else:
        tokenizer = build_tokenizer(_texts(rows), config.model)
        model = build_model(config.model, tokenizer, config.seed)
    with tracking.part_run("apprenticeship"):
        trained = _learn(config.apprenticeship, rows, model, tokenizer, out, work, config.seed)
    done.write_text(json.dumps(asdict(trained)), encoding="utf-8")
    return trained


def _untaught(out: Path, work: Path) -> None:
    """The instruct model as it is, which needs no apprenticeship."""
    _forget_the_skilled(work)
    for part in load_smollm2():
        part.save_pretrained(out)


def _forget_the_skilled(work: Path) -> None:
    """Remove the marks of models that another takes the place of."""
    for mark in work.glob("skilled-*.json"):
        mark.unlink()


def _employment(
    config: BootstrapConfig,
    rows: Sequence[Mapping[str, Any]],
    skilled: Path,
    out: Path,
    work: Path,
) -> Trained:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(skilled)
    with tracking.part_run("employment"):
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
    hurry: float,
    dialogue: DialogueConfig,
    world: World,
    scenarios: Sequence[Scenario],
    seed: int,
) -> list[dict[str, Any]]:
    """What a clerk in such a hurry did, as ``{"messages", "tools"}`` with tools as JSON text."""
    clerk = Hurried(Expert(world), hurry)
    rows = asyncio.run(_play(clerk, scenarios, dialogue, world, seed))
    log.info("%d dialogues were demonstrated", len(rows))
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
