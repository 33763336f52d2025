"""Faults that are found before any engine starts."""

from __future__ import annotations

import sys

import pytest

from dialogue.errors import EngineError
from services.engines import EngineConfig, open_engine


@pytest.mark.parametrize("backend", ["vllm", "transformers", "server"])
@pytest.mark.parametrize("model", ["", "models/nothing-here"])
def test_no_model_at_the_path_is_said_before_anything_is_imported(backend, model, tmp_path):
    before = set(sys.modules)
    with (
        pytest.raises(EngineError, match="no model at"),
        open_engine(EngineConfig(backend, model=model), log=tmp_path / "engine.log"),
    ):
        pass
    assert not {"vllm", "torch"} & (set(sys.modules) - before)
