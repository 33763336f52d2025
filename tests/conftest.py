"""What tests everywhere need: an MLflow store of their own, a tiny model, an order for `-n 2`."""

from __future__ import annotations

import gc
import json
import os
import random
import shutil
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from hypothesis import settings

from services.mlflow import store as mlflow_store

settings.register_profile("no deadline", deadline=None)  # the machine may be busy
settings.load_profile("no deadline")

LONGEST = 900
"""Seconds after which a long test is stuck."""
TOY = "tests/flows/toy/"
"""Its tests share one finished run, so all of them are one worker's."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Of several workers none is left with a long test at the end: the long ones come first.

    A machine may be busy: a long one that names no limit of its own has a longer one.
    """
    for item in items:
        is_long = any(item.get_closest_marker(name) for name in ("slow", "vllm"))
        if is_long and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(LONGEST))
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: item.get_closest_marker("slow") is None)
        items.sort(key=lambda item: not item.nodeid.startswith(TOY))


@pytest.fixture(scope="module", autouse=True)
def nothing_old_is_looked_at() -> None:
    """What modules made when they were imported is for good: no collection looks at it again.

    statsmodels collects at every correction, which took half a second beside torch and vLLM.
    """
    gc.collect()
    gc.freeze()


def pytest_unconfigure() -> None:
    gc.unfreeze()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """A worker takes whole files, in their order, for what is made once a file."""
    from xdist.scheduler import LoadFileScheduling

    class Files(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return TOY if nodeid.startswith(TOY) else str(super()._split_scope(nodeid))

    config.option.loadscopereorder = False  # it would put files of few tests last: the long ones
    return Files(config, log)


@pytest.fixture(scope="session")
def migrated_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty MLflow store, migrated by the worker that asks first: it takes ten seconds."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    store = shared / "mlflow" / ".mlflow" / "mlflow.db"
    with FileLock(shared / "mlflow.lock"), pytest.MonkeyPatch.context() as patch:
        if not store.exists():
            store.parents[1].mkdir()
            patch.setenv("DVC_ROOT", str(store.parents[1]))
            patch.delenv("MLFLOW_TRACKING_URI", raising=False)
            mlflow_store.tracking_uri()
    return store


@pytest.fixture
def mlflow_root(migrated_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository root with an empty MLflow store, outside any pipeline."""
    (tmp_path / ".mlflow").mkdir()
    shutil.copy(migrated_store, tmp_path / ".mlflow" / "mlflow.db")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    names = ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME", "MLFLOW_EXPERIMENT_ID")
    for name in (*names, "WOZ_PIPELINE", "DVC_STAGE"):
        monkeypatch.setenv(name, "")  # so that what MLflow sets (it exports its URI) is undone
        monkeypatch.delenv(name)
    monkeypatch.setenv("MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING", "false")  # only what a test logs
    return tmp_path


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tasks.bootstrap.embedded import build_model, build_tokenizer
    from tests.helpers.tiny import TINY

    folder = tmp_path_factory.mktemp("tiny")
    rng = random.Random(0)
    words = ["hotel", "cheap", "north", "train", "book", "seven", "please", "thanks"]
    tokenizer = build_tokenizer((" ".join(rng.choices(words, k=9)) for _ in range(200)), TINY)
    build_model(TINY, tokenizer, seed=0).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def greedy_model(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model with a generation_config.json that would make sampling another one."""
    folder = tmp_path_factory.mktemp("greedy") / "model"
    shutil.copytree(tiny_model, folder)
    file = folder / "generation_config.json"
    wishes = {"do_sample": True, "top_k": 1, "repetition_penalty": 1.5, "max_new_tokens": 2}
    file.write_text(json.dumps({**json.loads(file.read_text()), **wishes}))
    return folder
