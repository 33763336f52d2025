"""The folder of a converted corpus: the world, its scenarios, and what was left out and why."""

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
        What ``conversion.json`` holds: see :func:`describe`.
    """
    conversion.world.save(folder)
    write_scenarios(folder / SCENARIOS, conversion.scenarios)
    report = describe(conversion)
    write_whole(folder / REPORT, json.dumps(report, ensure_ascii=False, indent=1) + "\n")
    return report


def describe(conversion: Conversion) -> dict[str, Any]:
    """Sizes, and every dialogue that is no scenario.

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
    """What tells one converted corpus from another: 16 hex digits of its content's SHA-256.

    Raises:
        FileNotFoundError: a file is missing.
    """
    sums = [hashlib.sha256((folder / name).read_bytes()).digest() for name in _CONTENT]
    return hashlib.sha256(b"".join(sums)).hexdigest()[:16]
