"""Servers that die under a harvest or an evaluation cost time, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from threading import Event, Timer
from typing import Any

import pytest

from services.engines import EngineSettings
from tasks.evaluate import job as evaluate
from tasks.harvest import job as harvest
from tests.helpers.agents import Agents, serving
from tests.helpers.recording import (
    DIALOGUE,
    HARVEST,
    whole_evaluation,
    whole_harvest,
    write_corpus,
)
from toolwoz.agents.expert import Expert
from toolwoz.agents.noisy import Noisy

EVALUATE = evaluate.EvaluateConfig(
    seed=1, scenarios={"val": 1, "test": 1}, temperature=0.0, concurrency=2, traces=0
)


@pytest.fixture
def models(tmp_path: Path) -> Mapping[str, Any]:
    """By name, who answers: the servers' models, as the folder that the pipeline knows them by."""
    (tmp_path / "model").mkdir()
    corpus = write_corpus(tmp_path)
    return {str(tmp_path / "model"): Noisy(Expert(DIALOGUE.world(corpus)), 0.3)}


def harvested(folder: Path, *servers: Agents) -> bytes:
    engine = EngineSettings("endpoint", urls=tuple(server.url for server in servers), timeout=20)
    work, out = folder / f"work-{len(servers)}", folder / f"trees-{len(servers)}"
    job = harvest.Job(
        config=HARVEST,
        dialogue=DIALOGUE,
        engine=engine,
        model=folder / "model",
        corpus=folder / "corpus",
        work=work,
        logs=folder / "logs",
        name="r1",
    )
    found = whole_harvest(job, out)["josh"]
    assert (found.trees, found.faults) == (3, 0)
    return (out / "josh.jsonl").read_bytes()


def evaluation(folder: Path, config: evaluate.EvaluateConfig, *servers: Agents) -> evaluate.Job:
    return evaluate.Job(
        config=config,
        dialogue=DIALOGUE,
        engine=EngineSettings("endpoint", urls=tuple(one.url for one in servers), timeout=20),
        models={"base": folder / "model"},
        corpus=folder / "corpus",
        out=folder / "out",
        work=folder / "work",
        logs=folder / "logs",
    )


def test_one_of_two_servers_dies_and_the_trees_are_the_same(
    tmp_path: Path, models: Mapping[str, Any]
) -> None:
    with serving(models) as server:
        alone = harvested(tmp_path, server)
        asked = sorted(server.asked)
    with serving(models) as first, serving(models) as second:
        first.dies_at = 10
        assert harvested(tmp_path, first, second) == alone
        assert first.is_dead
        assert len(first.asked) == 10
        assert sorted(first.asked + second.asked) == asked, "nothing is asked twice"


@pytest.mark.slow
@pytest.mark.parametrize("urls", [1, 2])
def test_an_evaluation_waits_for_servers_that_come_back(
    tmp_path: Path, models: Mapping[str, Any], urls: int
) -> None:
    with serving(models) as first, serving(models) as second:
        servers = (first, second)[:urls]
        for server in servers:
            server.dies_at = 2 // urls
        revived = Event()

        def revive() -> None:
            for server in servers:
                server.dies_at, server.is_dead = 0, False
            revived.set()

        Timer(2, revive).start()
        arms = whole_evaluation(evaluation(tmp_path, EVALUATE, *servers))
    assert revived.is_set()
    for split in ("val", "test"):
        assert [result.error for result in arms[split]["base"].results] == [None]


@pytest.mark.parametrize("tolerated", [0.02, 1.0])
def test_an_evaluation_with_too_many_unscored_dialogues_fails_and_goes_on(
    tmp_path: Path, models: Mapping[str, Any], tolerated: float
) -> None:
    config = replace(EVALUATE, max_faults=tolerated)
    with serving(models) as server:
        server.refusals = 1
        job = evaluation(tmp_path, config, server)
        if tolerated == 1.0:
            arms = whole_evaluation(job)
            assert sum(arm["base"].metrics.unscored for arm in arms.values()) == 1
            return
        with pytest.raises(OSError, match=r"base on val: the engine failed in 1 of 1 .* same comm"):
            whole_evaluation(job)
        asked = len(server.asked)
        arms = whole_evaluation(job)
    assert len(server.asked) > asked, "the unscored dialogue is played again"
    assert not [again for again in server.asked[asked:] if again in server.asked[:asked]]
    for split in ("val", "test"):
        assert [result.error for result in arms[split]["base"].results] == [None]
