"""Conversion of the raw corpus into ToolWOZ: proven scenarios, a database, the tools."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolwoz.conversion import conversion, dataset
from toolwoz.conversion.schemas import goal_table, scenario_table
from toolwoz.corpus.multiwoz import read_corpus
from toolwoz.world.scenario import Mode

SPLITS = ("train", "val", "test")


@dataclass(frozen=True, slots=True)
class ConvertConfig:
    """The section ``convert``.

    Attributes:
        mode: ``v2``, the corrected world, or ``parity``, the published world with its bugs.
    """

    mode: Mode


class ConvertError(ValueError):
    """The conversion left a split without scenarios."""


def convert_corpus(config: ConvertConfig, raw: Path, out: Path) -> dict[str, Any]:
    """Turn the corpus in `raw` into scenarios, database and tools in `out`.

    Returns:
        The content of ``reports/conversion.json``: scenarios and goals by split, and the number of
        dropped dialogues by reason. ``out/conversion.json`` names them.

    Raises:
        toolwoz.corpus.multiwoz.CorpusError: a file is missing or damaged, or a dialogue corrupt.
        ConvertError: a split has no scenario left; the message has the reasons.
        toolwoz.conversion.schemas.TableError: scenarios or goals break their schema; it names the
            rows.
    """
    corpus = read_corpus(raw)
    made = conversion.convert(corpus, config.mode)
    scenario_table(made.scenarios)
    goal_table(made.scenarios)
    report = dataset.describe(made)
    dropped = {reason: len(ids) for reason, ids in report["dropped"].items()}
    if empty := [split for split in SPLITS if not report["scenarios"].get(split)]:
        raise ConvertError(f"no scenario left in {', '.join(empty)}; dropped were: {dropped}")
    out.mkdir(parents=True, exist_ok=True)
    dataset.save(made, out)
    return {**report, "source": corpus.name, "dropped": dropped}
