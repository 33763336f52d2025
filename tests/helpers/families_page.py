"""The table of model families in docs/models.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "models.md"
BEGIN, END = "<!-- the table of families: written by a command -->\n", "<!-- its end -->"
HEAD = (
    "family", "template", "parser", "tools in the prompt", "a call", "two calls", "text and call",
    "sampled = trained", "SFT of dialogues", "SFT, KTO, DPO; LoRA",
)  # fmt: skip


def write(rows: Iterator[Mapping[str, str]]) -> None:
    """Replace the table of the page."""
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n{_table(rows)}\n{END}{rest.partition(END)[2]}", "utf-8")


def _table(rows: Iterator[Mapping[str, str]]) -> str:
    """The rows as Markdown."""
    lines = [HEAD, ["---"] * len(HEAD), *([one[name] for name in HEAD] for one in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def documented() -> dict[str, dict[str, str]]:
    """The rows of the page: family -> column -> cell."""
    block = PAGE.read_text("utf-8").partition(BEGIN)[2].partition(END)[0]
    lines = [line[2:-2].split(" | ") for line in block.splitlines() if line.startswith("|")]
    rows = [dict(zip(HEAD, line, strict=True)) for line in lines[2:]]
    return {one["family"]: one for one in rows}
