"""Rows, arms and the weights of models for the tests of training."""

from __future__ import annotations

import json

from safetensors.torch import load_file

from tasks.train.job import (
    Arm,
    Holdout,
    Packing,
    TrainConfig,
)
from tests.helpers.tiny import TRL

TOOLS = json.dumps(
    [
        {
            "type": "function",
            "function": {"name": "search_hotel", "parameters": {"properties": {"area": {}}}},
        }
    ]
)
CALL = {
    "id": "call_0",
    "type": "function",
    "function": {"name": "search_hotel", "arguments": '{"area": "north"}'},
}
USER = {"role": "user", "content": "a hotel in the north"}
GOOD = {"role": "assistant", "content": "", "tool_calls": [CALL]}
BAD = {"role": "assistant", "content": "no"}
ROWS = {
    "sft": [{"messages": [USER, GOOD], "tools": TOOLS}] * 4,
    "kto": [
        {"prompt": [USER], "completion": [text], "label": text is GOOD, "tools": TOOLS}
        for text in (GOOD, BAD)
    ]
    * 2,
    "dpo": [{"prompt": [USER], "chosen": [GOOD], "rejected": [BAD], "tools": TOOLS}] * 4,
}


def config(
    arm: str = "arm", *, share: float = 0.0, packing: Packing = "rows", **recipe
) -> TrainConfig:
    recipe = {"method": "sft", "dataset": "sft", "trl": TRL, **recipe}
    return TrainConfig(
        seed=0,
        holdout=Holdout(share, early_stopping_patience=1, early_stopping_threshold=0.0),
        max_rewritten=0.0,
        accelerate="",
        arms={arm: Arm(**recipe)},
        packing=packing,
    )


def weights(folder):
    return load_file(folder / "model.safetensors")
