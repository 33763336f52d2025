"""General ability by lm_eval: GSM8K, BIG-Bench Hard, IFEval (the extra ``bench``).

Each task is lm_eval's own, included by a file that replaces the hub's data by the pinned data.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from dialogue.protocols import Policy
from dialogue.tool_text import assistant
from tasks.benchmarks import files
from tasks.benchmarks.options import MissingError, Options
from tasks.benchmarks.scores.scored import Scored
from tasks.benchmarks.shape import Attempt, Benchmark, Item, Score
from tasks.benchmarks.suites.general.harness import Harness, Sample, Session

if TYPE_CHECKING:
    from lm_eval.api.task import Task

PACKAGES: Final = ("lm_eval", "langdetect", "immutabledict", "nltk")
SENTENCES: Final = frozenset(
    {"length_constraints:number_sentences", "change_case:capital_word_frequency"}
)
"""Instructions of IFEval whose check needs NLTK's ``punkt_tab``."""

Scorer = Callable[[Sequence[Sample]], Score]


def open_gsm8k(options: Options) -> Benchmark:
    """1,319 word problems with 5 worked examples; the answer is one number."""
    folder = files.fetch("gsm8k", options.data, options.mirror).resolve()
    data = {"data_files": {one: str(folder / f"{one}.jsonl") for one in ("train", "test")}}
    # Random examples would depend on the problems asked before.
    own = {"fewshot_config": {"sampler": "first_n"}, "dataset_kwargs": data}
    return _benchmark("gsm8k", options, {"gsm8k": ("gsm8k/gsm8k.yaml", own)}, gsm8k_score)


def open_bbh(options: Options) -> Benchmark:
    """24 subsets with choices and 3 examples; the choice with the best likelihood by length."""
    folder = files.fetch("bbh", options.data, options.mirror).resolve()
    specs = {}
    for path in sorted((_packaged() / "leaderboard" / "bbh_mc").glob("[!_]*.yaml")):
        data = {"data_files": {"test": str(folder / f"{path.stem}.json")}, "field": "examples"}
        specs[path.stem] = (f"leaderboard/bbh_mc/{path.name}", {"dataset_kwargs": data})
    return _benchmark("bbh", options, specs, bbh_score)


def open_ifeval(options: Options) -> Benchmark:
    """541 prompts with instructions that a program can check."""
    folder = files.fetch("ifeval", options.data, options.mirror).resolve()
    data = {"data_files": {"test": str(folder / "input_data.jsonl")}}
    own = {"test_split": "test", "dataset_kwargs": data}
    return _benchmark(
        "ifeval",
        options,
        {"ifeval": ("ifeval/ifeval.yaml", own)},
        ifeval_score,
        without=None if _has_punkt() else SENTENCES,
        figures=instruction_level,
        max_tokens=1280,
    )


def gsm8k_score(samples: Sequence[Sample]) -> Score:
    """1 if the last number is right; part ``strict``: 1 if it also follows ``####``."""
    by_filter = {sample["filter"]: float(sample["exact_match"]) for sample in samples}
    value = by_filter["flexible-extract"]
    reason = "" if value else f"found {samples[-1]['filtered_resps'][0]}"
    return Score(value, reason, {"strict": by_filter["strict-match"]})


def bbh_score(samples: Sequence[Sample]) -> Score:
    """lm_eval's ``acc_norm``."""
    [sample] = samples
    return Score(float(sample["acc_norm"]), "" if sample["acc_norm"] else f"not {sample['target']}")


def ifeval_score(samples: Sequence[Sample]) -> Score:
    """1 if every instruction is followed; parts: numbers of followed ones, strict and loose."""
    [sample] = samples
    strict, loose = sample["inst_level_strict_acc"], sample["inst_level_loose_acc"]
    ids = sample["doc"]["instruction_id_list"]
    broken = [name for name, followed in zip(ids, strict, strict=True) if not followed]
    return Score(
        float(sample["prompt_level_strict_acc"]),
        f"not followed: {', '.join(broken)}" if broken else "",
        {
            "loose": float(sample["prompt_level_loose_acc"]),
            "instructions": len(strict),
            "followed": sum(strict),
            "followed loosely": sum(loose),
        },
    )


def instruction_level(scored: Sequence[Scored]) -> dict[str, float]:
    """IFEval's figures over instructions."""
    count = sum(one.parts["instructions"] for one in scored)
    names = {"instruction_strict": "followed", "instruction_loose": "followed loosely"}
    return {
        name: sum(one.parts[part] for one in scored) / count
        for name, part in names.items()
        if count
    }


@dataclass(frozen=True, slots=True)
class Play:
    """Has a session evaluate an item."""

    score: Scorer

    async def __call__(self, item: Item, policy: Policy, _seed: int) -> Attempt:
        session = cast(Session, policy)
        samples = await session.ask(item.gold["task"], item.gold["document"])
        return Attempt((assistant(_text(samples[0])),), self.score(samples))


def _text(sample: Sample) -> str:
    """The text of the model, or the choices with their log-likelihoods."""
    responses = [one[0] for one in sample["resps"]]
    if isinstance(responses[0], str):
        return responses[0]
    choices = [arguments[1].strip() for arguments in sample["arguments"]]
    return json.dumps({text: float(one[0]) for text, one in zip(choices, responses, strict=True)})


def _benchmark(
    name: str,
    options: Options,
    specs: Mapping[str, tuple[str, Mapping[str, Any]]],
    score: Scorer,
    without: frozenset[str] | None = None,
    figures: Callable[[Sequence[Scored]], Mapping[str, Any]] = lambda _scored: {},
    max_tokens: int = 256,
) -> Benchmark:
    tasks = {task: _task(name, task, options, *spec) for task, spec in specs.items()}
    items = [one for task, found in tasks.items() for one in _items(task, found)]
    kept = [item for item in items if not (without and without & set(item.gold["instructions"]))]
    left_out = "left out, NLTK's punkt_tab is not installed"
    return Benchmark(
        name,
        kept,
        Play(score),
        max_tokens=max_tokens,
        depends_on={"package": f"lm_eval {version('lm_eval')}", "temperature": 0.0},
        known={left_out: len(items) - len(kept)} if without else {},
        figures=figures,
        engine=Harness(tasks, options.tokenizer).open,
    )


def _task(
    benchmark: str, name: str, options: Options, included: str, own: Mapping[str, Any]
) -> Task:
    """lm_eval's task over local data; its file is JSON, which is YAML."""
    packaged = _packaged() / included
    cache = str((options.data / "cache").resolve())
    config = {
        "include": str(packaged),
        "task": name,
        "dataset_path": "json",
        "dataset_name": None,
        **own,
        "dataset_kwargs": {**own["dataset_kwargs"], "cache_dir": cache},
    }
    path = options.data / "lm_eval" / benchmark / f"{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(config, indent=1), encoding="utf-8")
    from lm_eval.tasks import TaskManager

    loaded = TaskManager(include_defaults=False).load([str(path)])
    found: Task = loaded["tasks"][name]
    return found


def _items(task: str, loaded: Task) -> list[Item]:
    return [
        Item(
            id=f"{task}/{number}",
            group=task,
            messages=({"role": "user", "content": str(loaded.doc_to_text(document))},),
            gold={
                "task": task,
                "document": number,
                "instructions": document.get("instruction_id_list", []),
            },
        )
        for number, document in enumerate(loaded.test_docs())
    ]


def _packaged() -> Path:
    """lm_eval's folder of tasks.

    Raises:
        MissingError: lm_eval, or a package that IFEval needs, is not installed.
    """
    if missing := [name for name in PACKAGES if find_spec(name) is None]:
        raise MissingError(f"the extra bench is missing: uv pip install {' '.join(missing)}")
    import lm_eval.tasks

    return Path(lm_eval.tasks.__file__).parent


def _has_punkt() -> bool:
    """Whether NLTK can split sentences; importing lm_eval's module tries to download its data.

    Raises:
        OSError: NLTK refuses the file that it found, as it refuses hard links.
    """
    _packaged()
    from lm_eval.tasks.ifeval.instructions_util import count_sentences

    try:
        count_sentences("One. Two.")
    except LookupError:
        return False
    return True
