"""Curation of training rows: flawed rows are dropped and counted, the others are checked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np

from dialogue.messages import meaning
from dialogue.strict_json import compact_json
from josh.rows.examples import prompt_key
from josh.rows.extractors import EXTRACTORS, Row
from josh.tree.tree import Tree

Veto = Callable[[Row], str | None]
"""A function of the caller: a reason to drop a row, or None to keep it."""


class Claim(NamedTuple):
    """A row's claim that a text is a good answer to a prompt, a bad one, or (None) neither."""

    subject: Hashable
    good: bool | None


@dataclass(frozen=True)
class Spread:
    """The distribution of a count over the rows: minimum, median, 95th percentile, maximum."""

    least: float
    median: float
    p95: float
    most: float

    @classmethod
    def of(cls, values: Sequence[int]) -> Spread:
        if not values:
            return cls(0, 0, 0, 0)
        return cls(*(float(value) for value in np.percentile(values, (0, 50, 95, 100))))


@dataclass(frozen=True)
class Report:
    """The numbers of an extracted set: the rows it holds, and those that were dropped.

    Attributes:
        extractor: Name of the extractor.
        trees: Number of trees that were read.
        faulted: Number of trees that met a fault, and gave no rows.
        scenarios: Number of scenarios that have rows.
        rows: Number of rows.
        dropped: Number of dropped rows by reason.
        labels: Number of rows by label, where they have one: good, bad, or the advantage's sign.
        prompt_messages: Messages per prompt; all messages where a row is a whole dialogue.
        completion_chars: Characters of the answers per row.
    """

    extractor: str
    trees: int
    faulted: int
    scenarios: int
    rows: int
    dropped: Mapping[str, int]
    labels: Mapping[str, int]
    prompt_messages: Spread
    completion_chars: Spread

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


class Extraction(NamedTuple):
    """Rows that may be trained on, and the report of them."""

    rows: list[Row]
    report: Report


def extract(name: str, trees: Iterable[Tree], *, veto: Veto | None = None) -> Extraction:
    """The rows of one extractor over all trees, clean and checked.

    Raises:
        KeyError: there is no extractor of that name.
        pandera.errors.SchemaErrors: rows that no trainer should see; it lists them.
    """
    extractor = EXTRACTORS[name]
    seen, faulted = 0, 0
    rows: list[Row] = []
    for tree in trees:
        seen, faulted = seen + 1, faulted + (tree.error is not None)
        rows += extractor(tree)
    kept, dropped = clean(rows, veto)
    from josh.rows.checks import check_rows  # pandera takes a second to import

    check_rows(kept)
    return Extraction(kept, _report(name, seen, faulted, kept, dropped))


def clean(rows: Sequence[Row], veto: Veto | None = None) -> tuple[list[Row], Counter[str]]:
    """The rows without flaws, contradictions and duplicates; how many were dropped, by reason.

    A text that stands as good and as bad for one prompt, anywhere in the rows, teaches nothing:
    all rows that hold it are dropped.
    """
    reasons = [row["flaw"] or (veto(row) if veto else None) for row in rows]
    claimed = [tuple(claims(row)) for row in rows]
    verdicts: dict[Hashable, set[bool | None]] = {}
    for own, reason in zip(claimed, reasons, strict=True):
        for claim in () if reason else own:
            verdicts.setdefault(claim.subject, set()).add(claim.good)
    kept, dropped, seen = [], Counter[str](), set()
    for row, own, reason in zip(rows, claimed, reasons, strict=True):
        if not reason and any(verdicts[claim.subject] >= {True, False} for claim in own):
            reason = "good and bad"
        if not reason and own in seen:
            reason = "double"
        if reason:
            dropped[reason] += 1
        else:
            seen.add(own)
            kept.append({key: value for key, value in row.items() if key != "flaw"})
    return kept, dropped


def claims(row: Row) -> Iterator[Claim]:
    """The claims that a row makes. A whole dialogue is one text."""
    if "messages" in row:
        yield Claim((row["tools"], prompt_key(row["messages"])), True)
        return
    prompt = (row["tools"], prompt_key(row["prompt"]))
    if "chosen" in row:
        yield Claim((prompt, meaning(row["chosen"][0])), True)
        yield Claim((prompt, meaning(row["rejected"][0])), False)
    else:
        good = {"good": True, "bad": False, "even": None, None: True}[label_of(row)]
        yield Claim((prompt, meaning(row["completion"][0])), good)


def label_of(row: Row) -> str | None:
    """Good, bad or even; None for rows that are only good."""
    if "label" in row:
        return "good" if row["label"] else "bad"
    if "advantage" in row:
        return "good" if row["advantage"] > 0 else "bad" if row["advantage"] < 0 else "even"
    return None


def _report(
    name: str, trees: int, faulted: int, rows: Sequence[Row], dropped: Counter[str]
) -> Report:
    labels = Counter(label for row in rows if (label := label_of(row)))
    return Report(
        extractor=name,
        trees=trees,
        faulted=faulted,
        scenarios=len({row["scenario"] for row in rows}),
        rows=len(rows),
        dropped=dict(sorted(dropped.items())),
        labels=dict(sorted(labels.items())),
        prompt_messages=Spread.of([len(row.get("prompt") or row["messages"]) for row in rows]),
        completion_chars=Spread.of([answer_chars(row) for row in rows]),
    )


def answer_chars(row: Row) -> int:
    """Characters of the answers that a row trains, calls as JSON; a pair counts the chosen one."""
    said = row.get("completion") or row.get("chosen") or row["messages"]
    return sum(
        len(message.get("content") or "") + len(compact_json(message.get("tool_calls") or ""))
        for message in said
        if message["role"] == "assistant"
    )
