"""Training on trees against training on rows: tokens, seconds and memory of a set.

    python -m bench.training data/datasets/r1 --model models/base
    python -m bench.training data/datasets/r1 --model models/smollm2 --rows 120 --template qwen2_5
    python -m bench.training data/datasets/r1 --model models/smollm2 --template qwen2_5 --count
    python -m bench.training --model models/base --curve

Each training is a process of its own, one after the other, with the options of params.yaml for its
method and those given here. The tools of a dialogue are in the prompt if the chat template renders
them, as TRL's of `--template` do with their whole schemas. Prints JSON:

* tokens: ``rows``, of all texts of the set; ``distinct``, the different ones among them, which no
  packing goes below; ``asked``, of all rows that a model was asked about, KTO's mismatched pairs
  and the reference's among them; ``computed``, which went through it for them on trees.
* start, train: seconds until the training starts, in which the reference is asked, and of it.
* cpu: seconds of all threads over both; where others use the machine, they tell more.
* memory: the most that the process held, in MiB.

With ``--count`` nothing is trained, and the tokens are those of the training's forwards alone, of
the policy, without the reference's.

The curve is of one tree with more and more branches: tokens and seconds of all threads of a step.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flows.params import load_section
from tasks.train.recipe import Holdout, Recipe, TrainConfig

PACKINGS = ("rows", "tree")
MODULES = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Each method's training, on rows and on trees."""
    found: dict[str, Any] = {}
    for method in options.methods:
        if options.count:
            found[method] = _in_process(method, "tree")["tokens"]
            continue
        one, other = (_in_process(method, packing) for packing in PACKINGS)
        tokens = other.pop("tokens")
        one.pop("tokens")
        took = [run["start"] + run["train"] for run in (one, other)]
        found[method] = {
            "tokens": tokens,
            "rows": one,
            "tree": other,
            "times_faster": round(took[0] / took[1], 2),
            "times_faster_by_cpu": round(one["cpu"] / other["cpu"], 2),
        }
        print(method, json.dumps(found[method]), file=sys.stderr)
    return found


def _in_process(method: str, packing: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.training", *sys.argv[1:], "--one", method, packing]
    answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return dict(json.loads(answer.splitlines()[-1]))


def train(options: argparse.Namespace, method: Any, packing: str) -> dict[str, Any]:
    """One training in this process."""
    from transformers import AutoTokenizer

    import tasks.train.packing.trainers  # noqa: F401  # what it imports is no part of the time
    from tasks.train.rows import read_rows
    from tasks.train.trainers import arguments, build_trainer

    rows = read_rows(options.sets / f"{method}.jsonl", method)
    rows = rows.select(range(min(options.rows, len(rows))))
    tokenizer = AutoTokenizer.from_pretrained(options.model, trust_remote_code=False)
    if options.template:
        tokenizer.chat_template = _template(options.template)
    with tempfile.TemporaryDirectory() as folder:
        recipe = _recipe(method, options)
        began, used = time.monotonic(), time.process_time()
        args = arguments(recipe, Path(folder), 0, watched=False)
        trees = Path(folder, "references") if packing == "tree" else None
        trainer = build_trainer(
            recipe, args, rows, None, str(options.model), tokenizer, Holdout(), trees=trees
        )
        if options.count:
            return {"tokens": {**_tokens(trainer), **count(trainer)}}
        started = time.monotonic()
        trainer.train()
        ended, cpu = time.monotonic(), time.process_time() - used
    return {
        "tokens": _tokens(trainer),
        "start": round(started - began, 1),
        "train": round(ended - started, 1),
        "cpu": round(cpu, 1),
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "loss": trainer.state.log_history[-1]["train_loss"],
    }


def _recipe(method: Any, options: argparse.Namespace) -> Recipe:
    config: TrainConfig = load_section("train")
    trl = {**config.trl, **config.methods.get(method, {}), "num_train_epochs": 1}
    trl |= {"report_to": "none", "save_strategy": "no", "logging_steps": 1, "disable_tqdm": True}
    if options.count and method != "sft":
        trl["precompute_ref_log_probs"] = False
    trl |= json.loads(options.trl)
    if options.batch:
        trl["per_device_train_batch_size"] = options.batch
    trl["gradient_accumulation_steps"] = options.accumulate
    lora = {"r": options.lora, "target_modules": MODULES} if options.lora else {}
    return Recipe(method, method, trl, lora)


def _template(name: str) -> str:
    """A chat template of TRL's."""
    import trl

    [package] = trl.__path__
    return Path(package, "chat_templates", f"{name}.jinja").read_text("utf-8")


def _tokens(trainer: Any) -> dict[str, int]:
    """The tokens of the set's rows, the distinct ones, and those of the training if on trees."""
    import numpy as np

    from tasks.train.packing.trie import Row, grow, sort

    texts = [text for row in trainer.train_dataset for text in _texts(row)]
    rows = [Row(i, np.array([*text, 0]), np.array([len(text)])) for i, text in enumerate(texts)]
    found = {"rows": sum(map(len, texts)), "distinct": len(grow(sort(rows)).ids)}
    forward = getattr(trainer, "forward", None)
    if forward is not None:
        found |= {"asked": forward.asked, "computed": forward.computed}
    return found


def count(trainer: Any) -> dict[str, int]:
    """The tokens of an epoch's steps: those asked for, and those that would be computed."""
    from tasks.train.packing.joined import joined, questions

    asked = computed = 0
    for batch in trainer.get_train_dataloader():
        whole = batch
        if "labels" not in batch:
            whole = joined(questions(batch, kl=getattr(trainer, "calculate_KL", False)))
        asked += int(whole["attention_mask"].sum())
        computed += trainer.forward.plan(whole).tokens
    return {"asked": asked, "computed": computed}


def _texts(row: dict[str, Any]) -> list[list[int]]:
    if "input_ids" in row:
        return [row["input_ids"]]
    ends = ("completion_ids", "chosen_ids", "rejected_ids")
    return [[*row["prompt_ids"], *row[end]] for end in ends if end in row]


def curve(options: argparse.Namespace) -> list[dict[str, Any]]:
    """A step on a tree of a stem and 1, 2, 4 … branches of which every token is trained."""
    import torch
    from transformers import AutoModelForCausalLM
    from trl.trainer.utils import add_fused_lm_head

    from tasks.train.packing.forward import TreeForward

    model = AutoModelForCausalLM.from_pretrained(
        options.model, dtype=torch.float32, trust_remote_code=False
    )
    add_fused_lm_head(model)
    packed = TreeForward(model, options.branches)
    points = []
    for power in range(options.branches.bit_length()):
        batch = _branches(2**power, options, model.config.vocab_size)
        before = packed.computed
        cpu = {
            "tree": _step(model, model, batch),
            "rows": _step(model, packed.fused, batch),
        }
        tokens = {"rows": batch["input_ids"].numel(), "tree": packed.computed - before}
        points.append({"branches": 2**power, "tokens": tokens, "cpu": cpu})
    return points


def _branches(count: int, options: argparse.Namespace, vocabulary: int) -> dict[str, Any]:
    import torch

    chance = torch.Generator().manual_seed(0)
    stem = torch.randint(5, vocabulary, (1, options.stem), generator=chance).expand(count, -1)
    ends = torch.randint(5, vocabulary, (count, options.branch), generator=chance)
    ids = torch.cat([stem, ends], dim=1)
    labels = ids.clone()
    labels[:, : options.stem] = -100
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": labels}


def _step(model: Any, forward: Any, batch: dict[str, Any]) -> float:
    used = time.process_time()
    forward(**batch, fused_lm_head=True).loss.backward()
    took = time.process_time() - used
    model.zero_grad()
    return round(took, 2)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sets", type=Path, nargs="?", help="folder of kto.jsonl, dpo.jsonl …")
    parser.add_argument("--model", type=Path, required=True, help="folder of a model")
    parser.add_argument("--methods", nargs="+", default=["sft", "kto", "dpo"])
    parser.add_argument("--rows", type=int, default=10**9, help="of each set, from its beginning")
    parser.add_argument("--template", default="", help="a chat template of TRL's, as qwen2_5")
    parser.add_argument("--batch", type=int, default=0, help="in place of that of params.yaml")
    parser.add_argument("--accumulate", type=int, default=1, help="batches a step")
    parser.add_argument("--lora", type=int, default=0, help="rank; 0 trains every weight")
    parser.add_argument("--trl", default="{}", help="further options of TRL, as JSON")
    parser.add_argument("--count", action="store_true", help="the tokens alone, without training")
    parser.add_argument("--curve", action="store_true", help="the curve alone, without a set")
    parser.add_argument("--branches", type=int, default=32, help="at the end of the curve")
    parser.add_argument("--stem", type=int, default=1000, help="tokens that the branches share")
    parser.add_argument("--branch", type=int, default=30, help="tokens of a branch")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.curve:
        print(json.dumps(curve(options), indent=2))
    elif options.sets is None:
        parser.error("name the folder of the sets, or ask for the --curve")
    elif options.one:
        print(json.dumps(train(options, *options.one)))
    else:
        print(json.dumps(measure(options), indent=2))


if __name__ == "__main__":
    main()
