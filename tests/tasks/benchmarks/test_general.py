"""lm_eval on local data: its own figures come out, in our files, and a run goes on."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest

from services.engines import EngineConfig
from services.engines.models.merging import export
from tasks.benchmarks.__main__ import main
from tasks.benchmarks.options import MissingError
from tasks.benchmarks.runs.runner import run
from tasks.benchmarks.runs.summary import summarise
from tasks.benchmarks.scores.scored_file import read_scored
from tasks.benchmarks.suites.general import harness
from tasks.benchmarks.suites.general import suite as general
from tasks.benchmarks.suites.general.harness import Harness, Session
from tests.helpers.chat_endpoint import serving
from tests.helpers.loras import write_lora

installed = pytest.mark.skipif(
    not all(map(find_spec, general.PACKAGES)), reason="the extra bench is not installed"
)


WEIGHS = {"bbh": SimpleNamespace(OUTPUT_TYPE="multiple_choice")}


@installed
@pytest.mark.parametrize(
    ("tokenizer", "why"),
    [
        (None, "--tokenizer DIR, or give --model a folder"),
        (".", "no log-probabilities of a prompt"),
    ],
)
def test_an_endpoint_that_weighs_nothing_is_refused_with_what_to_do(tokenizer, why, tmp_path):
    folder = tmp_path if tokenizer else None
    with serving(lambda _body: "Yes.") as url:
        config = EngineConfig("endpoint", model="model", urls=(url,))
        with (
            pytest.raises(MissingError, match=why),
            Harness(WEIGHS, folder).open(config, log=tmp_path / "log"),
        ):
            pass


@installed
@pytest.mark.data
@pytest.mark.slow
def test_an_endpoint_writes_what_is_scored(data, tmp_path):
    """Right on every problem: the server looks the answer up, as the last of the messages asks."""
    pool = map(json.loads, (data.mirror / "gsm8k/test.jsonl").read_text().splitlines())
    answers = {one["question"]: one["answer"] for one in pool}

    def say(body):
        [found] = {a for q, a in answers.items() if q in body["messages"][-1]["content"]}
        return found

    command = ["--limit", "4", "--data", str(data.data), "--mirror", str(data.mirror)]
    with serving(say) as url:
        assert main(["gsm8k", "--model", url, *command, "--out", str(tmp_path)]) == 0
    record = json.loads((tmp_path / "metrics.json").read_text())
    assert (record["score"]["value"], record["items"]) == (1.0, 4)


@installed
@pytest.mark.data
@pytest.mark.vllm
@pytest.mark.slow
@pytest.mark.timeout(400)
def test_vllm_weighs_choices(data, tiny_model, tmp_path):
    command = ["bbh", "--model", str(tiny_model), "--limit", "2", "--max-model-len", "512"]
    command += ["--dtype", "float32", "--data", str(data.data), "--mirror", str(data.mirror)]
    assert main([*command, "--out", str(tmp_path)]) == 0
    for scored in read_scored(tmp_path):
        weights = json.loads(scored.answer[0]["content"])
        assert len(weights) > 1
        assert all(-1e4 < weight < 0 for weight in weights.values())


def sample(**more):
    return {"filter": "none", "filtered_resps": ["7"], "target": "(A)", **more}


def test_gsm8k_counts_the_last_number_and_the_strict_form_apart():
    strict = sample(filter="strict-match", exact_match=0.0)
    loose = sample(filter="flexible-extract", exact_match=1.0)
    assert general.gsm8k_score([strict, loose]).value == 1.0
    assert general.gsm8k_score([strict, loose]).parts == {"strict": 0.0}


def test_ifeval_names_what_was_not_followed():
    score = general.ifeval_score(
        [
            sample(
                doc={"instruction_id_list": ["no_comma", "title"]},
                prompt_level_strict_acc=False,
                prompt_level_loose_acc=True,
                inst_level_strict_acc=[True, False],
                inst_level_loose_acc=[True, True],
            )
        ]
    )
    assert (score.value, score.reason) == (0.0, "not followed: title")
    assert score.parts == {"loose": 1, "instructions": 2, "followed": 1, "followed loosely": 2}


def test_what_is_not_installed_is_named(monkeypatch):
    monkeypatch.setattr(general, "PACKAGES", ("json", "no_such_package"))
    with pytest.raises(ValueError, match="extra bench is missing: uv pip install no_such_package"):
        general._packaged()


class Evaluates(Session):
    """A session whose model fails on one document."""

    def _evaluate(self, batch):
        self.tasks.append(sorted(asked.document for asked in batch))
        if any(asked.document == 5 for asked in batch):
            raise RuntimeError("out of memory")
        return {(asked.task, asked.document): [sample(doc_id=asked.document)] for asked in batch}


def test_who_asks_at_the_same_time_is_one_batch(tmp_path):
    async def ask_all(session):
        asked = (session.ask("t", n) for n in range(3))
        first = await asyncio.gather(*asked)
        with pytest.raises(RuntimeError, match="out of memory"):
            await session.ask("t", 5)
        return [*first, await session.ask("t", 6)]

    session = Evaluates(None, [], False, tmp_path / "log")
    found = asyncio.run(ask_all(session))
    assert [one["doc_id"] for [one] in found] == [0, 1, 2, 6]
    assert session.tasks == [[0, 1, 2], [5], [6]]


@installed
@pytest.mark.data
@pytest.mark.slow
@pytest.mark.timeout(400)
def test_ifeval_gives_the_dummy_model_what_lm_eval_gives_it(data, tmp_path):
    from lm_eval.models.dummy import DummyLM

    benchmark = general.open_ifeval(data)
    if len(benchmark.items) != 541:
        pytest.skip("NLTK's punkt_tab is not installed")
    session = Session(DummyLM(), benchmark.engine.__self__.tasks, False, tmp_path / "log")
    results = asyncio.run(run(benchmark, benchmark.items, session, concurrency=64))
    metrics = summarise(benchmark, results)
    assert round(metrics.score.value, 4) == 0.1146
    assert round(metrics.figures["instruction_strict"], 4) == 0.2290


@installed
@pytest.mark.data
@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("name", ["bbh", "gsm8k", "ifeval"])
def test_a_model_folder_is_scored_and_the_same_command_repeats_nothing(
    name, data, tiny_model, tmp_path, capsys
):
    command = [name, "--model", str(tiny_model), "--limit", "3", "--max-model-len", "1536"]
    command += ["--backend", "transformers"]
    command += ["--dtype", "float32", "--out", str(tmp_path), "--data", str(data.data)]
    command += ["--mirror", str(data.mirror)]
    assert main(command) == 0
    lines = (tmp_path / "scored.jsonl").read_text().splitlines()
    assert len(lines) == 3
    record = json.loads((tmp_path / "metrics.json").read_text())
    assert record["configuration"]["package"].startswith("lm_eval 0.4")
    assert re.search(rf"^{name}: [01]\.\d+ .* over 3 items", capsys.readouterr().out, re.M)
    assert main(command) == 0
    assert (tmp_path / "scored.jsonl").read_text().splitlines() == lines


@installed
def test_lm_eval_puts_a_lora_on_its_base(tiny_model, tmp_path):
    from lm_eval.api.instance import Instance

    base = Path(shutil.copytree(tiny_model, tmp_path / "base"))
    arm = write_lora(base, tmp_path / "arm", seed=1)
    export(arm, tmp_path / "whole")
    asked = [Instance("generate_until", {}, ("hotel", {"until": ["?"], "max_gen_toks": 8}), 0)]
    said = {}
    for folder in (base, arm, tmp_path / "whole"):
        config = EngineConfig("transformers", model=str(folder), dtype="float32", threads=1)
        said[folder.name] = harness._folder(config).generate_until(asked)
    assert said["arm"] == said["whole"] != said["base"]


@installed
@pytest.mark.data
@pytest.mark.slow
def test_gsm8k_shows_the_same_examples_before_a_problem_whatever_came_before(data):
    task = general.open_gsm8k(data).engine.__self__.tasks["gsm8k"]
    contexts = []
    for documents in ([7], [3, 7]):
        task.build_all_requests(samples=documents, rank=0, world_size=1)
        contexts.append(task.instances[-1].arguments[0])
    assert contexts[0] == contexts[1]
    assert contexts[0].count("Question:") == 6
