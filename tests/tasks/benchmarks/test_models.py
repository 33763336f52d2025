"""The model under test, as the command line names it."""

from __future__ import annotations

import argparse

import pytest

from dialogue.errors import EngineError
from services.engines import EngineConfig
from tasks.benchmarks.models import configure, engine_of
from tests.helpers.http_server import Reply, Request, answering


def engine(*arguments: str) -> EngineConfig:
    parser = argparse.ArgumentParser()
    configure(parser)
    return engine_of(parser.parse_args(arguments))


def models(request: Request) -> Reply:
    if request.headers["Authorization"] != "Bearer sk-9":
        return Reply("no key", 401)
    return Reply({"data": [{"id": "served"}]})


def test_the_key_opens_the_list_of_models_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY_OF_TEST", "sk-9")
    with answering(models) as url:
        found = engine("--model", f"{url}/v1", "--api-key-env", "KEY_OF_TEST")
        assert (found.model, found.api_key_env) == ("served", "KEY_OF_TEST")
        with pytest.raises(EngineError, match="401"):
            engine("--model", f"{url}/v1")


def test_no_server_is_an_engine_that_cannot_start() -> None:
    with pytest.raises(EngineError, match="no model server answers"):
        engine("--model", "http://127.0.0.1:9/v1")
    assert engine("--model", "folder").model == "folder"
