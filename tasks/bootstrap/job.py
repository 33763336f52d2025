"""Make the base policy: what JOSH starts from.

The embedded policy is pretrained on demonstrations of the scripted expert of ``toolwoz.agents``,
who serves the agenda user, once. Then it is fine-tuned on noisy demonstrations, in which the expert
often takes shortcuts. Both serve scenarios of the train split that no harvest plays. So it can do
what its users ask, and often does not: JOSH has something to select.

A published model is the base as it is, or after a few lessons (``tasks.bootstrap.lessons``).
"""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from dialogue.bounds import Count, Seed, Share
from dialogue.seeds import stable_seed
from services import endpoint_model
from services.fingerprint import fingerprint, key
from services.mlflow import tracking
from tasks.bootstrap import card
from tasks.bootstrap.demonstrations import demonstrations
from tasks.bootstrap.embedded import EmbeddedConfig, build_model, build_tokenizer
from tasks.bootstrap.lessons import Lessons, lesson_corpus
from tasks.bootstrap.pretrained import fetch_pretrained, load_smollm2
from tasks.train.guards.options import require
from tasks.train.job import Options, Recipe, Trained, fit
from tasks.train.recipe import NOTHING
from toolwoz.users.dialogues import DialogueConfig
from toolwoz.world.scenario import take_last

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Imitation:
    """Demonstrations, and how a model is trained on them.

    Attributes:
        scenarios: How many of the train split are demonstrated, served well or not; 0: no such
            training. They are the last in its order, and the harvest's the first
            (:func:`toolwoz.users.dialogues.take`).
        noise: Rate of shortcuts among the demonstrated calls
            (:class:`toolwoz.agents.shortcut.Shortcut`); 0 is the expert.
        trl: Options of TRL's ``SFTConfig`` in place of those that all trainings of bootstrap share.
    """

    scenarios: Count
    noise: Share
    trl: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BootstrapConfig:
    """The section ``bootstrap``.

    Attributes:
        kind: ``embedded`` makes a model from nothing, and trains it on demonstrations. ``smollm2``
            takes SmolLM2-135M-Instruct and ``pretrained`` any other model, as they are published or
            after `lessons`. ``endpoint`` leaves it where ``engine.urls`` serve it: it can be
            harvested from and evaluated, and others train it (``python -m flows.tools.finetune``).
        pretrained: For kind ``pretrained``: a model of the Hugging Face Hub, as
            ``ORGANISATION/NAME@REVISION``, or a folder. Of ``endpoint``: what it is called there.
        seed: Seed of the weights, the users, the shortcuts and the order of training.
        lessons: Cold start of ``smollm2`` and ``pretrained``.
        model: Size of the embedded model.
        pretraining: First training of the embedded model, on demonstrations of the expert.
        finetuning: Second training of the embedded model, on noisy demonstrations.
        trl: Options of TRL's ``SFTConfig`` for all three trainings.
    """

    kind: Literal["embedded", "smollm2", "pretrained", "endpoint"]
    pretrained: str
    seed: Seed
    lessons: Lessons
    model: EmbeddedConfig
    pretraining: Imitation
    finetuning: Imitation
    trl: Mapping[str, Any] = field(default_factory=dict)

    @property
    def demonstrated(self) -> int:
        """Scenarios at the end of the train split that the base policy was shown, or may be."""
        if self.kind == "embedded":
            return self.pretraining.scenarios + self.finetuning.scenarios
        return 0 if self.kind == "endpoint" else self.lessons.scenarios

    def recipe(self, training: Imitation | Lessons) -> Recipe:
        """How one of its trainings is done."""
        return Recipe("sft", "demonstrations", {**self.trl, **training.trl})


def make_base(
    config: BootstrapConfig,
    dialogue: DialogueConfig,
    corpus: Path,
    out: Path,
    *,
    source: str,
    work: Path,
    template_kwargs: Options = NOTHING,
) -> dict[str, Trained]:
    """Write the base policy to ``out`` as safetensors with its tokenizer.

    Args:
        config: What to make.
        dialogue: How the demonstrated dialogues are played; the user is always the agenda's.
        corpus: Folder of the converted corpus.
        out: The model's folder.
        source: What the corpus was fetched from.
        work: Where a killed run finds what was done.
        template_kwargs: Arguments of a published model's chat template, as the engine gives it.

    Returns:
        What ``pretraining`` and ``finetuning``, or ``lessons``, took; nothing for a model taken as
        it is.

    Raises:
        ValueError: the train split has too few scenarios, or an option of TRL cannot work here.
        tasks.bootstrap.pretrained.PretrainedError: the model is not to be had.
    """
    if config.kind == "endpoint":
        endpoint_model.write(out, config.pretrained)
        return {}
    if why := card.unseen():
        log.warning("%s", why)
    if config.kind != "embedded":
        if config.lessons.scenarios:
            taught = _teach(config, dialogue, corpus, source, out, work, template_kwargs)
            return {"lessons": taught}
        _take_as_it_is(config, out)
        return {}
    count = config.pretraining.scenarios
    if not count:
        raise ValueError(
            "bootstrap.pretraining.scenarios is 0: an embedded model knows nothing before it; "
            "4000 of MultiWOZ or of the synthetic corpus make one that serves its users"
        )
    for training in (config.pretraining, config.finetuning):
        require(config.recipe(training))
    world = dialogue.world(corpus)
    shown = take_last(corpus, "train", config.demonstrated)
    first, later = shown[:count], shown[count:]
    pretrained = work / "pretrained" if later else out
    rows = demonstrations(config.pretraining.noise, dialogue, world, first, config.seed)
    trained = {"pretraining": _pretrain(config, rows, pretrained, work)}
    if later:
        # The word is older than the key's name: with another one every measured base would change.
        seed = stable_seed(config.seed, "employment")
        rows = demonstrations(config.finetuning.noise, dialogue, world, later, seed)
        recipe = config.recipe(config.finetuning)
        trained["finetuning"] = _train_on(
            recipe, rows, pretrained, out, work, config.seed, "finetuning"
        )
    return trained


def _take_as_it_is(config: BootstrapConfig, out: Path) -> None:
    """Put the published model at `out`."""
    if config.kind == "pretrained":
        fetch_pretrained(config.pretrained, out)
        return
    for part in load_smollm2():
        part.save_pretrained(out)


def _teach(
    config: BootstrapConfig,
    dialogue: DialogueConfig,
    corpus: Path,
    source: str,
    out: Path,
    work: Path,
    template_kwargs: Options,
) -> Trained:
    """The lessons of a published model, which is kept in `work` until they are over."""
    recipe, count = config.recipe(config.lessons), config.lessons.scenarios
    require(recipe)
    mode = dialogue.world(corpus).mode
    city = lesson_corpus(corpus, source, count, mode, work / "lessons")
    shown = take_last(city, "train", count)
    rows = demonstrations(0.0, dialogue, dialogue.world(city), shown, config.seed)
    # Checkpoints belong to a path: another model has another one.
    published = work / f"published-{_identity(config)}"
    done = published.with_suffix(".done")
    if not done.exists():
        _take_as_it_is(config, published)
        done.touch()
    trained = _train_on(recipe, rows, published, out, work, config.seed, "lessons", template_kwargs)
    done.unlink()
    shutil.rmtree(published)
    return trained


def _identity(config: BootstrapConfig) -> str:
    """A short name of the published model; of a folder, as its files are now."""
    folder = Path(config.pretrained)
    is_folder = config.kind == "pretrained" and folder.is_dir()
    files = fingerprint(folder) if is_folder else []
    return key(kind=config.kind, model=config.pretrained, files=files)


def _pretrain(
    config: BootstrapConfig, rows: Sequence[Mapping[str, Any]], out: Path, work: Path
) -> Trained:
    """The first training; not done again for a model that a killed run had finished."""
    recipe = config.recipe(config.pretraining)
    facts = {"kind": config.kind, "seed": config.seed, "model": asdict(config.model)}
    done = work / f"pretrained-{key(rows=rows, recipe=asdict(recipe), **facts)}.json"
    if done.exists() and (out / "config.json").exists():
        log.info("the pretraining was finished before")
        return Trained(**json.loads(done.read_text(encoding="utf-8")))
    for mark in work.glob("pretrained-*.json"):  # of models that this one takes the place of
        mark.unlink()
    tokenizer = build_tokenizer(_texts(rows), config.model)
    model = build_model(config.model, tokenizer, config.seed)
    with tracking.part_run("pretraining"):
        trained = _imitate(recipe, rows, model, tokenizer, out, work, config.seed)
    done.write_text(json.dumps(asdict(trained)), encoding="utf-8")
    return trained


def _train_on(
    recipe: Recipe,
    rows: Sequence[Mapping[str, Any]],
    model: Path,
    out: Path,
    work: Path,
    seed: int,
    name: str,
    template_kwargs: Options = NOTHING,
) -> Trained:
    """A training, of that name, of a model that is there."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model, trust_remote_code=False)
    with tracking.part_run(name):
        return _imitate(recipe, rows, str(model), tokenizer, out, work, seed, template_kwargs)


def _imitate(
    recipe: Recipe,
    rows: Sequence[Mapping[str, Any]],
    policy: PreTrainedModel | str,
    tokenizer: PreTrainedTokenizerBase,
    out: Path,
    work: Path,
    seed: int,
    template_kwargs: Options = NOTHING,
) -> Trained:
    from datasets import Dataset

    data = Dataset.from_list([dict(row) for row in rows])
    place = work / "training"
    return fit(
        recipe,
        data,
        policy,
        tokenizer,
        out,
        work=place,
        seed=seed,
        template_kwargs=template_kwargs,
    )


def _texts(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """What the tokenizer learns its words from: speech, calls, answers and tool names."""
    texts = []
    for message in (message for row in rows for message in row["messages"]):
        texts.append(message.get("content") or "")
        for call in message.get("tool_calls") or ():
            texts.append(json.dumps({"name": call["function"]["name"], "arguments": {}}))
            texts.append(call["function"]["arguments"])
    return texts
