"""The commands and the Python of README.md and docs/*.md, each with the line it stands in."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SHELLS = {"bash", "sh", "console"}
FENCE = re.compile(r"^```(\w*)\s*$")
BLOCK = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"^ {4}(?=(?:[A-Z_]+=\S+ )*(?:make|dvc|python|prefect|mlflow|uv|pip|git) )")
INLINE = re.compile(r"`((?:[A-Z_]+=\S+ )*(?:make|dvc|python|prefect|mlflow|uv|pip|git) [^`]+)`")
VARIABLE = re.compile(r"^([A-Z][A-Z_0-9]*)=(.*)$")


class Command(NamedTuple):
    """One command of a page.

    Attributes:
        page: Name of its file.
        line: Where it starts.
        environment: The variables it is given, ``TOOLWOZ_MIRROR=/path``.
        words: What a shell would make of the rest.
    """

    page: str
    line: int
    environment: dict[str, str]
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.page}:{self.line}: {shlex.join(self.words)}"


def commands(page: Path) -> Iterator[Command]:
    """Of its shell blocks, of indented lines that are commands, and those in its sentences."""
    yield from _in_sentences(page)
    language, text, start = None, "", 0
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        if fence := FENCE.match(line):
            language = None if language is not None else fence[1]
            continue
        if not text and not (language in SHELLS or (language is None and INDENTED.match(line))):
            continue
        start = start or number
        text += line.strip().removeprefix("$ ")
        if text.endswith("\\"):
            text = text[:-1]
            continue
        yield from _commands(page, start, text)
        text, start = "", 0


def _in_sentences(page: Path) -> Iterator[Command]:
    whole = page.read_text(encoding="utf-8")
    prose = BLOCK.sub(lambda block: "\n" * block[0].count("\n"), whole)
    for found in INLINE.finditer(prose):  # it may go on in the next line
        yield from _commands(page, prose.count("\n", 0, found.start()) + 1, found[1])


def _commands(page: Path, line: int, text: str) -> Iterator[Command]:
    """Those of one line, which ``&&`` and ``;`` divide; a comment ends it."""
    shell = shlex.shlex(text, posix=True, punctuation_chars=";&|")
    shell.whitespace_split = True
    words: list[str] = []
    for word in [*shell, ";"]:
        if word not in ("&&", ";", "|", "&"):
            words.append(word)
        elif words:
            yield _command(page, line, words)
            words = []


def _command(page: Path, line: int, words: list[str]) -> Command:
    environment = {}
    while words and (found := VARIABLE.match(words[0])):
        environment[found[1]] = found[2]
        words.pop(0)
    return Command(page.name, line, environment, tuple(words))


def python_blocks(page: Path) -> Iterator[tuple[int, str]]:
    """The line and the text of each ```python block."""
    lines = page.read_text(encoding="utf-8").splitlines()
    start = None
    for number, line in enumerate(lines):
        if line.strip() == "```python":
            start = number + 1
        elif line.strip() == "```" and start is not None:
            yield start + 1, "\n".join(lines[start:number])
            start = None
