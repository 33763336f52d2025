"""params.yaml as a document: read, merged and written with its comments, and its default."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from pathlib import Path
from typing import Any, cast

from ruamel.yaml import YAML

from dialogue.files import replacing
from flows.params.yaml_text import UnreadableError, load

NOTE = "# Over the default: "
"""How the first line begins of a file that is no default."""

Document = MutableMapping[str, Any]


class ParamsError(ValueError):
    """params.yaml, or what was to be merged into it, is not what the code expects."""


def read(path: Path) -> Document:
    """A file of params, or of what is merged into them.

    Raises:
        ParamsError: it is not there, is not YAML, or has no sections.
    """
    return _parsed(_text(path), path)


def read_default(path: Path) -> Document:
    """A file of params as it is before anything is set.

    Raises:
        ParamsError: as :func:`read`; or neither it nor git has a version without a note.
    """
    for text in _versions(path):
        if not text.startswith(NOTE):
            return _parsed(text, path)
    raise ParamsError(f"{path}: what was set cannot be undone, as git has no version without it")


def notes(path: Path) -> list[str]:
    """What was set, as the first line of a file says it."""
    line, _, _ = _text(path).partition("\n")
    return line.removeprefix(NOTE).split() if line.startswith(NOTE) else []


def write(document: Document, path: Path, noted: Iterable[str]) -> None:
    """Replace a file atomically; its first line will say what was set, if anything was."""
    note = " ".join(" ".join(noted).split())
    with replacing(path) as part, part.open("w", encoding="utf-8") as file:
        file.write(f"{NOTE}{note}\n" if note else "")
        _round_trip().dump(document, file)


def _text(path: Path) -> str:
    try:
        return _decoded(path.read_bytes(), path)
    except FileNotFoundError:
        raise ParamsError(f"{path} is not here; run from the repository's root") from None
    except OSError as error:
        raise ParamsError(f"{path} cannot be read: {error.strerror}") from None


def _decoded(content: bytes, path: Path) -> str:
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        bad = f"byte 0x{content[error.start]:02x} is not UTF-8"
        raise ParamsError(f"{path}:{line}: {bad}: save the file as UTF-8") from None


def _parsed(text: str, path: Path) -> Document:
    first, _, rest = text.partition("\n")
    noted = first.startswith(NOTE)
    try:
        document = load(rest if noted else text, _round_trip())
    except UnreadableError as error:
        place = f"{path}:{error.line + noted}:{error.column}"
        raise ParamsError(f"{place}: {error}") from None
    if not isinstance(document, MutableMapping):
        raise ParamsError(f"{path}: expected sections, found {type(document).__name__}")
    return document


def _versions(path: Path) -> Iterator[str]:
    """The file, then what git has of it, newest first."""
    yield _text(path)
    for commit in _git(path, "log", "--format=%h", "--", path.name).decode().split():
        yield _decoded(_git(path, "show", f"{commit}:./{path.name}"), path)


def _git(path: Path, *arguments: str) -> bytes:
    """What git says in the file's folder; nothing where there is no git."""
    command = ["git", *arguments]
    return subprocess.run(command, cwd=path.parent, capture_output=True, check=False).stdout


def leaves(document: Mapping[str, Any], at: str = "") -> Iterator[tuple[str, Any]]:
    """Every full key with its value."""
    for key, value in document.items():
        name = f"{at}.{key}" if at else str(key)
        if isinstance(value, Mapping):
            yield from leaves(value, name)
        else:
            yield name, value


def merge(document: Document, changes: Mapping[str, Any]) -> None:
    """Key by key; an empty mapping empties what is there."""
    for key, value in changes.items():
        if value and isinstance(value, Mapping) and isinstance(document.get(key), MutableMapping):
            merge(document[key], value)
        else:
            document[key] = value


def nested(override: str) -> Mapping[str, Any]:
    """``a.b=1`` as ``{"a": {"b": 1}}``; the value is read as YAML."""
    key, equals, text = override.partition("=")
    if not equals or not all(key.split(".")):
        raise ParamsError(f"{override!r}: expected section.key=value, as in fetch.seed=7")
    try:
        value: Any = load(text, YAML(typ="safe"))
    except UnreadableError as error:
        raise ParamsError(f"{override!r}: {error}") from None
    for part in reversed(key.split(".")):
        value = {part: value}
    return cast(Mapping[str, Any], value)


def _round_trip() -> YAML:
    yaml = YAML(typ="rt")
    yaml.preserve_quotes = True
    yaml.width = 4096
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.representer.add_representer(
        type(None), lambda dumper, _: dumper.represent_scalar("tag:yaml.org,2002:null", "null")
    )
    return yaml
