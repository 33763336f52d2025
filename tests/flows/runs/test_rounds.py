"""Three rounds under DVC: one is accepted, one improves nothing, and the last has nothing to do."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from flows import reports
from flows.tools.summary import summary
from josh.tree.store import read_trees
from services.engines.models.adapters import is_alone
from services.engines.models.merging import export
from tasks.bootstrap.embedded import build_model, build_tokenizer
from tests.helpers.http_server import Reply, Request, answering
from tests.helpers.recording import DIALOGUE
from tests.helpers.tiny import TINY
from toolwoz.agents.expert import Expert
from toolwoz.agents.noisy import Noisy
from toolwoz.conversion.conversion import convert
from toolwoz.conversion.dataset import describe
from toolwoz.corpus.multiwoz import read_corpus
from toolwoz.corpus.sources import SyntheticConfig, fetch
from toolwoz.world.scenario import write_scenarios
from toolwoz.world.world import World

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

ROOT = Path(__file__).parents[3]
MADE_BEFORE = ("fetch", "validate", "convert", "bootstrap")
START = "arms/r1/start"


@contextmanager
def served(world: World) -> Iterator[tuple[str, Counter[str]]]:
    """An endpoint whose base policy spoils most of its calls, and whose trained ones none.

    Yields its address, and how often each model was asked.
    """
    asked: Counter[str] = Counter()
    expert = Expert(world)
    poor = Noisy(expert, 0.7)
    names = [f"arms/{r}/{p}" for r in ("r1", "r2", "r3") for p in ("start", "trained/josh_sft")]

    def respond(request: Request) -> Reply:
        if request.body is None:
            return Reply({"data": [{"id": name} for name in names]})
        model, messages, tools, seed = (
            request.body[key] for key in ("model", "messages", "tools", "seed")
        )
        asked[model] += 1
        said = asyncio.run((poor if model == START else expert)(messages, tools, seed=seed))
        assert said is not None
        return Reply({"choices": [{"message": said.message, "finish_reason": "stop"}]})

    with answering(respond) as address:
        yield f"{address}/v1", asked


def write_inputs() -> World:
    """What the stages before the rounds make: a corpus, and a tiny model for TRL to train."""
    size = SyntheticConfig(seed=3, train=12, val=16, test=4)
    conversion = convert(read_corpus(fetch("synthetic", Path("raw"), synthetic=size)), "v2")
    conversion.world.save(Path("data/toolwoz"))
    write_scenarios(Path("data/toolwoz/scenarios.jsonl"), conversion.scenarios)
    reports.write(Path("reports/conversion.json"), describe(conversion))
    texts = [json.dumps(one.to_json()) for one in conversion.scenarios]
    config = replace(TINY, max_length=8192)
    tokenizer = build_tokenizer(iter(texts), config)
    build_model(config, tokenizer, seed=0).save_pretrained("models/base")
    tokenizer.save_pretrained("models/base")
    return DIALOGUE.world(Path("data/toolwoz"))


def write_pipeline(url: str) -> None:
    """The repository's own code, graph and params: three small rounds against an endpoint."""
    for package in ("dialogue", "flows", "josh", "services", "tasks", "toolwoz", "worlds"):
        shutil.copytree(ROOT / package, package, ignore=shutil.ignore_patterns("__pycache__"))
    graph = yaml.safe_load((ROOT / "dvc.yaml").read_text())
    for stage in MADE_BEFORE:
        del graph["stages"][stage]
    Path("dvc.yaml").write_text(yaml.safe_dump(graph, sort_keys=False))
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["rounds"] = {"r1": {"after": "base"}, "r2": {"after": "r1"}, "r3": {"after": "r2"}}
    params["bootstrap"]["kind"] = "pretrained"
    params["engine"] |= {"backend": "endpoint", "urls": [url]}
    params["harvest"] |= {
        "scenarios": 4,
        "searches": {"josh": params["harvest"]["searches"]["josh"]},
    }
    params["harvest"]["searches"]["josh"] |= {"beam": 4, "turns": 8}
    params["extract"]["sets"] = {"sft": {"search": "josh", "extractor": "sft"}}
    arms = {"josh_sft": {"method": "sft", "dataset": "sft"}}
    lora = {"r": 4, "target_modules": "all-linear"}
    params["train"] |= {"max_rewritten": 1.0, "arms": arms, "lora": lora}
    params["train"]["trl"] |= {"max_steps": 1, "per_device_train_batch_size": 1}
    params["evaluate"]["scenarios"] = {"val": 16, "test": 4}
    params["gate"] = {"candidate": "josh_sft", "metric": "reward", "margins": {}}
    Path("params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    dvc("init", "-q", "--no-scm")


def dvc(*arguments: str) -> str:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *arguments],
        env={**os.environ, "PATH": path, "WOZ_PREFECT": "off", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout + done.stderr


def read(path: str) -> Any:
    return json.loads(Path(path).read_text())


@pytest.mark.usefixtures("mlflow_root")
def test_rounds_go_on_while_they_improve_and_say_where_they_stopped() -> None:
    world = write_inputs()
    with served(world) as (url, asked):
        write_pipeline(url)
        dvc("repro")
        assert asked["arms/r1/start"] > 0  # the base is played
        assert "arms/r3/start" not in asked
        again = sum(asked.values())
        assert "Running stage" not in dvc("repro")
        assert sum(asked.values()) == again
    check_gates()
    check_second_round()
    check_what_is_told()
    check_mlflow()


def check_gates() -> None:
    gates = [read(f"reports/gate/{name}.json") for name in ("r1", "r2", "r3")]
    assert [gate.get("decision") for gate in gates] == ["promoted", "kept back", None]
    assert gates[2]["stopped"]["round"] == "r2"
    assert is_alone(Path("models/r1"))
    for place in ("models/r2", "arms/r3/start", "data/trees/r3", "arms/r3/trained/josh_sft"):
        assert [path.name for path in Path(place).iterdir()] == ["stopped.json"]


def check_second_round() -> None:
    """Other scenarios, and the accepted LoRA merged, whose evaluation is not played again."""
    explored = [
        {tree.scenario for tree in read_trees(Path(f"data/trees/{name}/josh.jsonl"))}
        for name in ("r1", "r2")
    ]
    assert [len(found) for found in explored] == [4, 4]
    assert not explored[0] & explored[1]
    assert export(Path("models/r1"), Path("merged"))
    places = ("merged", "arms/r2/start", "models/base")
    merged, start, base = (Path(place, "model.safetensors").read_bytes() for place in places)
    assert merged == start != base
    played = [
        Path(f"reports/evaluation/{name}/results.jsonl").read_bytes()
        for name in ("r1/val/josh_sft", "r2/val/r1")
    ]
    assert played[0] == played[1]


def check_what_is_told() -> None:
    record = read("reports/metrics.json")
    assert list(record["arms"]) == ["base", "r1/josh_sft", "r2/josh_sft"]
    assert record["policy"] == "r1/josh_sft"
    assert "r3: not run, the rounds stopped in r2" in summary(record)
    registration = read("reports/registration.json")
    assert registration["policy"] == "r1/josh_sft"
    assert registration["aliases"] == ["challenger", "champion"]


def check_mlflow() -> None:
    import mlflow

    from services.mlflow import store as mlflow_store

    experiment = mlflow_store.connect()
    found = mlflow.MlflowClient().search_runs([experiment], "tags.`run.kind` = 'stage'")
    runs = {run.info.run_name: run for run in found}
    assert runs["harvest@r2"].data.tags["round"] == "r2"
    trained = runs["train@r1-josh_sft"].data.tags
    assert (trained["stage"], trained["arm"]) == ("train", "josh_sft")
    assert "dvc.out.arms/r1/trained/josh_sft" in trained
    assert 0 <= runs["train@r1-josh_sft"].data.metrics["train.josh_sft.bfloat16_keeps"] < 1
    assert "stopped in r2" in runs["gate@r3"].data.tags["stopped"]
    parents = mlflow.MlflowClient().search_runs([experiment], "tags.`run.kind` = 'pipeline'")
    history = mlflow.MlflowClient().get_metric_history(parents[-1].info.run_id, "gate.promoted")
    assert {(point.step, point.value) for point in history} == {(1, 1.0), (2, 0.0)}
