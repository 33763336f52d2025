"""The four domains of ToolWOZ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

Row = Mapping[str, Any]
"""One entity of a database: slot -> value."""
Split = Literal["train", "val", "test"]
DOMAINS = ("restaurant", "hotel", "attraction", "train")
ENTITY_KEY: Mapping[str, str] = {
    "restaurant": "name",
    "hotel": "name",
    "attraction": "name",
    "train": "trainID",
}
"""Domain -> the slot that names an entity."""
