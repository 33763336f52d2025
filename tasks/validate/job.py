"""Validation of the raw corpus with Great Expectations, and its Data Docs."""

from __future__ import annotations

import logging
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dialogue.bounds import Positive
from tasks.validate.corpus_tables import CorpusTables, tables
from tasks.validate.expectations import expectations
from toolwoz.corpus.multiwoz import read_corpus
from toolwoz.world.database import Database
from toolwoz.world.rules import RULES

log = logging.getLogger(__name__)

INDEX = {"dialogues": ["id"], "slots": ["id", "slot", "value"], "entities": ["row", "identity"]}
"""Table -> the columns that identify a row."""
PLUGINS = Path(__file__).parent / "data_docs"
"""Folder of the style of the Data Docs pages, which needs no network."""


@dataclass(frozen=True, slots=True)
class ValidateConfig:
    """The section ``validate``.

    Attributes:
        max_rows: Maximum number of rows that a failed expectation shows.
    """

    max_rows: Positive


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one expectation.

    Attributes:
        table, expectation, column: Names of the table, the expectation and its columns, joined.
        severity: ``critical``, which stops the pipeline, or ``warning``.
        success: Whether the table meets the expectation.
        unexpected: Number of rows that do not; 0 for an expectation of a whole column.
        percent: Percentage of unexpected rows among those that have a value.
        rows: The first unexpected rows, for a failed expectation.
        missing: Values that the column should have in some row, and has in none.
    """

    table: str
    expectation: str
    column: str
    severity: str
    success: bool
    unexpected: int
    percent: float
    rows: tuple[str, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of a validation: name of the source, dialogues by split, and every check."""

    source: str
    dialogues: Mapping[str, int]
    checks: tuple[Check, ...]


class InvalidCorpusError(ValueError):
    """The corpus fails a critical expectation; the message names the rows."""


def validate_corpus(config: ValidateConfig, raw: Path, docs: Path) -> Verdict:
    """Check the corpus in the folder `raw` and write the Data Docs site into the folder `docs`.

    Raises:
        toolwoz.corpus.multiwoz.CorpusError: a file is missing or damaged, or a dialogue corrupt.
    """
    corpus = read_corpus(raw)
    tools = RULES["parity"].tools(Database.from_rows(corpus.databases))
    results = _run(tables(corpus), expectations(tools), docs)
    checks = [_check(config, name, result) for name, found in results for result in found]
    for check in checks:
        if not check.success:
            log.warning("%s: %s", check.severity, _sentence(check))
    splits = Counter[str](dialogue.split for dialogue in corpus.dialogues)
    return Verdict(corpus.name, splits, tuple(checks))


def to_record(verdict: Verdict) -> dict[str, Any]:
    """The content of ``reports/validation.json``."""
    failed = Counter(check.severity for check in verdict.checks if not check.success)
    return {
        "source": verdict.source,
        "dialogues": dict(verdict.dialogues),
        "expectations": len(verdict.checks),
        "failed": {severity: failed[severity] for severity in ("critical", "warning")},
        "checks": [asdict(check) for check in verdict.checks],
    }


def require_valid(verdict: Verdict) -> None:
    """Raise an error if a critical expectation failed.

    Raises:
        InvalidCorpusError: at least one failed; the message names each, with its rows.
    """
    failed = [c for c in verdict.checks if c.severity == "critical" and not c.success]
    if failed:
        sentences = "\n".join(f"  {_sentence(check)}" for check in failed)
        raise InvalidCorpusError(
            f"the corpus fails {len(failed)} critical expectations; correct the source, or what "
            f"is expected of it in tasks/validate/expectations.py:\n{sentences}"
        )


def _run(
    corpus: CorpusTables, suites: Mapping[str, list[Any]], docs: Path
) -> Iterator[tuple[str, list[Any]]]:
    """SearchSummary each table's name and Great Expectations' results for it."""
    import great_expectations as gx

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    context.variables.plugins_directory = str(PLUGINS.resolve())
    shutil.rmtree(docs, ignore_errors=True)  # pages are named by time, so old ones would stay
    context.add_data_docs_site("docs", _site(docs))
    source = context.data_sources.add_pandas("raw")
    publish = gx.checkpoint.UpdateDataDocsAction(name="publish", site_names=["docs"])
    for name, table in vars(corpus).items():
        batch = source.add_dataframe_asset(name).add_batch_definition_whole_dataframe("all")
        suite = context.suites.add(gx.ExpectationSuite(name=name, expectations=suites[name]))
        definition = context.validation_definitions.add(
            gx.ValidationDefinition(name=name, data=batch, suite=suite)
        )
        checkpoint = context.checkpoints.add(
            gx.Checkpoint(
                name=name,
                validation_definitions=[definition],
                actions=[publish],
                result_format={
                    "result_format": "COMPLETE",
                    "unexpected_index_column_names": INDEX[name],
                },
            )
        )
        (found,) = checkpoint.run(batch_parameters={"dataframe": table}).run_results.values()
        yield name, list(found.results)


def _site(docs: Path) -> dict[str, Any]:
    view = {"module_name": "tasks.validate.pages", "class_name": "PageView"}
    return {
        "class_name": "SiteBuilder",
        "store_backend": {
            "class_name": "TupleFilesystemStoreBackend",
            "base_directory": str(docs.resolve()),
        },
        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
        "site_section_builders": {name: {"view": view} for name in ("expectations", "validations")},
    }


def _check(config: ValidateConfig, table: str, found: Any) -> Check:
    expectation, result = found.expectation_config, found.result
    if raised := found.exception_info.get("exception_message"):
        raise RuntimeError(f"Great Expectations could not check {expectation.type}: {raised}")
    rows = () if found.success else result.get("unexpected_index_list") or ()
    return Check(
        table=table,
        expectation=expectation.type,
        column=_column(expectation),
        severity=str(expectation.severity.value),
        success=bool(found.success),
        unexpected=int(result.get("unexpected_count") or 0),
        percent=round(float(result.get("unexpected_percent") or 0), 3),
        rows=tuple(_named(row) for row in rows[: config.max_rows]),
        missing=tuple(map(str, result.get("partial_missing_list") or ())),
    )


def _column(expectation: Any) -> str:
    columns = expectation.kwargs.get("column_list") or [expectation.kwargs["column"]]
    return " + ".join(columns)


def _named(row: Mapping[str, Any]) -> str:
    """A row by its index columns and the unexpected value."""
    return ", ".join(f"{column} {value}" for column, value in row.items())


def _sentence(check: Check) -> str:
    what = f"{check.table}.{check.column}: {check.expectation}"
    if check.missing:
        return f"{what} fails: there is no {', '.join(check.missing)}"
    more = check.unexpected - len(check.rows)
    shown = "; ".join(check.rows) + (f"; and {more} more" if more > 0 else "")
    return f"{what} fails for {check.unexpected} rows ({check.percent}%): {shown}"
