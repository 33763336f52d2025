"""One server plays the agent and the user of an evaluation, each by its own settings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from dialogue.endpoints.settings import ModelEndpoint
from services.engines import EngineSettings
from tasks.evaluate.job import EvaluateConfig, Job
from tests.helpers.model_server import model_server
from tests.helpers.recording import DIALOGUE, write_corpus
from tests.helpers.recording import whole_evaluation as evaluate


def test_agent_and_user_share_a_server(tmp_path: Path) -> None:
    with model_server() as (url, asked):
        user = ModelEndpoint(url=url, model="tiny", temperature=0.25)
        job = Job(
            config=EvaluateConfig(0, {"val": 1, "test": 1}, 0.5, 4),
            dialogue=replace(DIALOGUE, user="goal", user_model=user, max_messages=4),
            engine=EngineSettings("server", urls=(url,)),
            models={"base": Path("tiny")},
            corpus=write_corpus(tmp_path),
            out=tmp_path / "out",
            work=tmp_path / "work",
            logs=tmp_path,
        )
        arms = evaluate(job)
    roles = {bool(body.get("tools")): body["temperature"] for body in asked}
    assert roles == {True: 0.5, False: 0.25}  # the agent has tools
    assert [result.error for arm in arms.values() for result in arm["base"].results] == [None] * 2
