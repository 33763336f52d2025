"""Base and candidate are asked the same items, and the gate holds one to the other."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from dialogue.tool_text import assistant
from flows import stage
from flows.stages.benchmarks import benchmarks
from flows.stages.compare import compare
from flows.stages.gate import gate
from services import endpoint_model
from tasks.benchmarks import BENCHMARKS, job
from tasks.benchmarks.job import BenchmarksConfig
from tasks.benchmarks.options import Options
from tasks.benchmarks.shape import Benchmark, Item, Score, SingleTurn
from tasks.evaluate.job import report
from tasks.rounds.gate import decide, read_benchmarks
from tasks.rounds.sequence import GateConfig, Stop, write_stop
from tests.helpers.chat_endpoint import serving
from tests.helpers.outcomes import comparisons, play
from toolwoz.evaluation.policy_run import read_policy_run

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
SECTIONS = ("benchmarks", "engine", "gate", "train")
ITEMS, LIMIT = 200, 100


def open_quiz(_options: Options) -> Benchmark:
    """Questions; each is its own answer."""
    items = [
        Item(str(n), "all", ({"role": "user", "content": f"question {n}"},), (), f"question {n}")
        for n in range(ITEMS)
    ]

    def score(item: Item, message: Any) -> Score:
        return Score(float(message["content"] == item.gold))

    return Benchmark("quiz", items, SingleTurn(score, lambda item: assistant(item.gold)))


def open_lame(options: Options) -> Benchmark:
    options.need_judge("lame")
    raise AssertionError


class Policies:
    """``base`` knows every answer; ``trained`` has forgotten a share of them."""

    def __init__(self) -> None:
        self.forgotten = 0.0
        self.asked: Counter[str] = Counter()

    def say(self, body: dict[str, Any]) -> str:
        self.asked[body["model"]] += 1
        question = str(body["messages"][-1]["content"])
        place = int(question.rpartition(" ")[2]) / ITEMS
        return "?" if body["model"] == "trained" and place < self.forgotten else question


@pytest.fixture
def policies(mlflow_root: Path, monkeypatch: pytest.MonkeyPatch):
    """What the stages read: two policies behind an endpoint, and params.yaml."""
    monkeypatch.chdir(mlflow_root)
    monkeypatch.setenv("WOZ_PREFECT", "off")
    for name in ("quiz", "lame"):
        monkeypatch.setitem(BENCHMARKS, name, f"{__name__}:open_{name}")  # type: ignore[index]
    endpoint_model.write(Path("models/base"), "base")
    endpoint_model.write(Path("arms/r1/trained/josh_sft"), "trained")
    Path("arms/r1/start").mkdir()
    policies = Policies()
    with serving(policies.say, ["base", "trained"]) as url:
        document = yaml.safe_load((ROOT / "params.yaml").read_text())
        document["engine"] |= {"backend": "endpoint", "urls": [url]}
        document["benchmarks"] |= {"names": ["quiz"], "limit": LIMIT}
        write(document)
        yield policies


def write(document: dict[str, Any]) -> None:
    Path("params.yaml").write_text(yaml.safe_dump(document, sort_keys=False))


def change(**values: Any) -> None:
    document = yaml.safe_load(Path("params.yaml").read_text())
    document["benchmarks"] |= values
    write(document)


def run(round: str) -> int:
    return stage.run(benchmarks, SECTIONS, {"round": round})


def judged(margin: float):
    config = GateConfig("josh_sft", "success", {"quiz": margin})
    found = read_benchmarks(config, Path("reports/benchmarks"), ["base", "r1/josh_sft"])
    gain = comparisons([0] * 40, [1] * 30 + [0] * 10)["trained"]
    return decide(config, {"josh_sft": gain}, found)


def test_the_gate_refuses_a_candidate_that_forgot_and_passes_one_that_did_not(policies):
    assert run("base") == run("r1") == 0
    assert judged(0.05).decision == "promoted"
    policies.forgotten = 0.1
    assert run("r1") == 0
    decision = judged(0.05)
    assert decision.decision == "kept back"
    assert "quiz -0." in decision.reason
    assert "such a fall cannot be ruled out" in decision.reason
    assert policies.asked == {"base": LIMIT, "trained": 2 * LIMIT}


def evaluated(wins: dict[str, int]) -> None:
    """What stage evaluate leaves, of ten scenarios a split."""
    folder = Path("reports/evaluation")
    arms: dict[str, Any] = {}
    for split in ("val", "test"):
        for name, won in wins.items():
            play(folder / "r1" / split / name, won)
        arms[split] = {name: read_policy_run(folder / "r1" / split / name) for name in wins}
    (folder / "r1.json").write_text(json.dumps(report(arms)))


def test_the_stages_gate_and_compare_take_them_in(policies):
    evaluated({"base": 2, "josh_sft": 9})
    policies.forgotten = 0.1
    document = yaml.safe_load(Path("params.yaml").read_text())
    document["gate"]["margins"] = {"quiz": 0.05}
    write(document)
    assert run("base") == run("r1") == 0
    assert stage.run(gate, ("gate", "train", "rounds"), {"round": "r1"}) == 0
    decided = json.loads(Path("reports/gate/r1.json").read_text())
    assert decided["decision"] == "kept back"
    assert decided["benchmarks"]["quiz"]["losses"] > 0
    assert Path("models/r1/stopped.json").is_file()
    assert stage.run(compare, ("rounds", "train"), {}) == 0
    found = json.loads(Path("reports/headline.json").read_text())
    assert found["base"]["quiz.score"] == 1.0
    assert found["r1/josh_sft"]["quiz.score"] < 1.0
    assert "quiz" in Path("reports/report.html").read_text()


def test_reports_and_mlflow_have_the_figures_by_the_same_names(policies):
    import mlflow

    assert run("base") == run("r1") == 0
    assert policies.asked["base"] == LIMIT
    record = json.loads(Path("reports/benchmarks/r1.json").read_text())["josh_sft"]["quiz"]
    assert (record["items"], record["score"]["value"], record["ceiling"]) == (LIMIT, 1.0, 1.0)
    assert sorted(p.name for p in Path("reports/benchmarks/r1/josh_sft/quiz").iterdir()) == [
        "metrics.json", "run.json", "scored.jsonl",
    ]  # fmt: skip
    from services.mlflow import store as mlflow_store

    found = mlflow.MlflowClient().search_runs([mlflow_store.connect()], "tags.stage = 'benchmarks'")
    metrics = {run.info.run_name: run.data.metrics for run in found}
    assert metrics["benchmarks@base"]["base.quiz.score"] == 1.0
    assert metrics["benchmarks@r1"]["josh_sft.quiz.unscored"] == 0.0


def test_a_run_that_was_cut_off_goes_on_and_an_other_policy_starts_anew(policies, monkeypatch):
    whole = job.play

    def stopping(benchmark, plan, engine, folder):
        whole(benchmark, replace(plan, limit=40), engine, folder)
        raise KeyboardInterrupt

    monkeypatch.setattr(job, "play", stopping)
    assert run("base") == 130
    monkeypatch.setattr(job, "play", whole)
    assert run("base") == 0
    assert policies.asked["base"] == LIMIT
    endpoint_model.write(Path("models/base"), "trained")
    assert run("base") == 0
    assert policies.asked["trained"] == LIMIT


def test_what_is_missing_is_said_before_anything_is_asked(policies):
    change(names=["quiz", "lame"])
    assert run("base") == 1
    assert "lame needs --judge URL" in Path("logs/benchmarks@base.log").read_text()
    assert not policies.asked


def test_an_empty_list_starts_no_engine(policies):
    change(names=[])
    assert run("base") == run("r1") == 0
    assert not policies.asked
    assert Path("reports/benchmarks/r1").is_dir()
    assert json.loads(Path("reports/benchmarks/base.json").read_text()) == {"base": {}}


def test_after_the_rounds_stopped_nothing_is_asked(policies):
    write_stop(Stop("r1", "no gain"), Path("arms/r2/start"))
    assert run("r2") == 0
    assert not policies.asked
    assert json.loads(Path("reports/benchmarks/r2.json").read_text())["stopped"]["round"] == "r1"


@pytest.mark.parametrize(
    ("names", "why"),
    [
        (("gsm9k",), "no benchmark gsm9k; known: .*gsm8k"),
        (("mt-bench",), "compares two runs"),
        (("bbh", "bbh"), "named twice"),
    ],
)
def test_names_that_cannot_be_run_are_refused(names, why):
    with pytest.raises(ValueError, match=why):
        BenchmarksConfig(names)
