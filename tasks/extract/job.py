"""Turn harvested trees into training sets, one file of rows a set."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from josh.rows.curation import Report
from josh.rows.curation import extract as extract_rows
from josh.rows.extractors import EXTRACTORS
from josh.tree.store import read_trees
from tasks.extract.token_records import Samples

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SetConfig:
    """One training set.

    Attributes:
        search: The search of ``harvest.searches`` whose trees it is made from.
        extractor: One of ``josh.rows.extractors.EXTRACTORS``.
    """

    search: str
    extractor: str

    def __post_init__(self) -> None:
        if self.extractor not in EXTRACTORS:
            known = ", ".join(EXTRACTORS)
            raise ValueError(f"there is no extractor {self.extractor!r}; there are: {known}")


@dataclass(frozen=True, slots=True)
class ExtractConfig:
    """The section ``extract``.

    Attributes:
        sets: Name of a set -> what it is made of; ``data/datasets/ROUND/NAME.jsonl`` has its rows.
    """

    sets: Mapping[str, SetConfig]


def extract(config: ExtractConfig, trees: Path, out: Path) -> dict[str, Report]:
    """Write every set; returns what each holds and what was dropped from it, by reason.

    A row is the extractor's, and ``sampled``: the tokens of its answers
    (``tasks.extract.token_records``).

    Raises:
        FileNotFoundError: a set names a search that was not harvested.
        pandera.errors.SchemaErrors: rows that no trainer should see; it lists them.
    """
    out.mkdir(parents=True, exist_ok=True)
    reports = {}
    for name, settings in config.sets.items():
        path = trees / f"{settings.search}.parquet"
        if not path.exists():
            raise FileNotFoundError(
                f"extract.sets.{name}: there is no {path}; name one of harvest.searches"
            )
        samples = Samples()
        rows, report = extract_rows(settings.extractor, samples.watch(read_trees(path)))
        with (out / f"{name}.jsonl").open("w", encoding="utf-8") as file:
            for row in rows:
                record = {**row, "sampled": samples.of(row)}
                file.write(json.dumps(record, ensure_ascii=False) + "\n")
        log.info("%s: %d rows of %d scenarios", name, report.rows, report.scenarios)
        reports[name] = report
    return reports
