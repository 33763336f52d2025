"""The data of a plot: one CSV file, written whole or not at all."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from dialogue.files import replacing

Row = Mapping[str, Any]
QUOTE = "\u2039"
"""The angle quote that stands for a ``<``."""


def write(path: Path, columns: Sequence[str], rows: Iterable[Row]) -> None:
    """Write rows; a number that is None was not measured: its cell is empty.

    DVC writes the cells into a script of its page, where a ``<`` could end the script: it becomes
    an angle quote.

    Raises:
        ValueError: a row has a column that is not among `columns`.
    """
    with replacing(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)


def _cell(value: Any) -> Any:
    return value.replace("<", QUOTE) if isinstance(value, str) else value
