"""The folder of a converted corpus: its world, its scenarios, and the dropped dialogues."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any, Final

from dialogue.files import write_whole
from toolwoz.conversion.conversion import Conversion
from toolwoz.world.scenario import SCENARIOS, write_scenarios

REPORT: Final = "conversion.json"
_CONTENT: Final = (SCENARIOS, "database.json", "tools.json")


def save(conversion: Conversion, folder: Path) -> dict[str, Any]:
    """Write ``database.json``, ``tools.json``, ``scenarios.jsonl`` and ``conversion.json``.

    Each file appears whole or not at all; the report last.

    Returns:
        The content of ``conversion.json``: see :func:`describe`.
    """
    conversion.world.save(folder)
    write_scenarios(folder / SCENARIOS, conversion.scenarios)
    report = describe(conversion)
    write_whole(folder / REPORT, json.dumps(report, ensure_ascii=False, indent=1) + "\n")
    return report


def describe(conversion: Conversion) -> dict[str, Any]:
    """The sizes of the splits, and the dropped dialogues.

    ``{"mode": ..., "scenarios": {split: n}, "goals": {split: n}, "dropped": {reason: [id]}}``
    """
    scenarios, goals = Counter[str](), Counter[str]()
    for scenario in conversion.scenarios:
        scenarios[scenario.split] += 1
        goals[scenario.split] += len(scenario.goals)
    return {
        "mode": conversion.world.mode,
        "scenarios": dict(sorted(scenarios.items())),
        "goals": dict(sorted(goals.items())),
        "dropped": {reason: list(ids) for reason, ids in sorted(conversion.dropped.items())},
    }


def digest(folder: Path) -> str:
    """16 hex digits of the SHA-256 of a converted corpus, which identify it.

    Raises:
        FileNotFoundError: a file is missing.
    """
    sums = [hashlib.sha256((folder / name).read_bytes()).digest() for name in _CONTENT]
    return hashlib.sha256(b"".join(sums)).hexdigest()[:16]
