"""Lessons: dialogues of the expert in an invented city, which a published model is shown first."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from annotated_types import Le

from dialogue.bounds import Count
from toolwoz.conversion import conversion, dataset
from toolwoz.corpus import sources
from toolwoz.corpus.multiwoz import read_corpus
from toolwoz.corpus.sources import SYNTHETIC, SyntheticConfig
from toolwoz.world.scenario import Mode

log = logging.getLogger(__name__)

MOST = 48
"""Number of lessons above which a start would be no cold one, but a training by an expert."""
CITY = 7
"""Seed of the city that is invented for the lessons, where the corpus is of a real one."""


@dataclass(frozen=True, slots=True)
class Lessons:
    """A cold start: a few dialogues of the expert, and how a model is trained on them.

    Attributes:
        scenarios: Number of dialogues, at most 48; 0 leaves the model as it is published. Where the
            corpus is an invented city, they are the last of its train split, and the harvest's the
            first; with another corpus they are of a city that is invented for them.
        trl: Options of TRL's ``SFTConfig`` in place of those that all trainings of bootstrap share.
    """

    scenarios: Annotated[Count, Le(MOST)]
    trl: Mapping[str, Any] = field(default_factory=dict)


def lesson_corpus(corpus: Path, source: str, scenarios: int, mode: Mode, work: Path) -> Path:
    """Return the folder of a converted corpus of an invented city that has enough scenarios.

    Args:
        corpus: Folder of the converted corpus.
        source: What it was fetched from.
        scenarios: Number of lessons.
        mode: Mode of the corpus, and of the city.
        work: Where the city is built, if the corpus is of a real one.
    """
    if source == SYNTHETIC:
        return corpus
    log.info("a city is invented for the lessons: the corpus is %s", source)
    size = SyntheticConfig(seed=CITY, train=2 * scenarios, val=1, test=1)
    raw = sources.fetch(SYNTHETIC, work / "raw", synthetic=size)
    dataset.save(conversion.convert(read_corpus(raw), mode), work / "city")
    return work / "city"
