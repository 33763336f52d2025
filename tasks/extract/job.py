"""Extraction of training sets from harvested trees, one file of rows per set."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from josh.rows.curation import Report, extract
from josh.rows.extractors import EXTRACTORS
from josh.tree.store import read_trees
from services.names import require_names
from tasks.extract.token_records import TokenRecords

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SetConfig:
    """One training set.

    Attributes:
        search: Search of ``harvest.searches`` whose trees the set is made from.
        extractor: Name in ``josh.rows.extractors.EXTRACTORS``.
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
        sets: Name of a set -> its source; ``data/datasets/ROUND/NAME.jsonl`` has its rows.
    """

    sets: Mapping[str, SetConfig]

    def __post_init__(self) -> None:
        require_names("sets", self.sets)
        require_names("search", (one.search for one in self.sets.values()))


def extract_sets(config: ExtractConfig, trees: Path, out: Path) -> dict[str, Report]:
    """Write every set; returns its counts of rows and of dropped rows by reason.

    A row is the extractor's row with ``sampled``, the tokens of its answers
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
        records = TokenRecords()
        rows, report = extract(settings.extractor, records.watch(read_trees(path)))
        with (out / f"{name}.jsonl").open("w", encoding="utf-8") as file:
            for row in rows:
                record = {**row, "sampled": records.of(row)}
                file.write(json.dumps(record, ensure_ascii=False) + "\n")
        log.info("%s: %d rows of %d scenarios", name, report.rows, report.scenarios)
        reports[name] = report
    return reports
