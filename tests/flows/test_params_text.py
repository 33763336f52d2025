"""The text of params.yaml, of a config or of an override: read, or refused in one line."""

from __future__ import annotations

import random
import re
import time
from pathlib import Path

import pytest

from flows import params
from flows.params.document import NOTE, nested, read
from tests.helpers.damage import damaged

SYNTAX = "not YAML: .*; mend it there"
UNREADABLE = [
    ("a: " + "[" * 5000, 1, "nested more than 20 deep: close the brackets"),
    ("a: " + "{b: " * 300, 1, "nested more than 20 deep"),
    ("a: &x [1]\nb: *x", 1, "x is an anchor or an alias: write out"),
    ("a: b\n<<: {c: 1}", 2, "quote it if it is text"),
    ("a: 1\nb: 2026-01-01", 2, "'2026-01-01' is a date: quote it"),
    ("b: 2026-13-45", 1, "'2026-13-45' is neither text nor a number: quote it"),
    ("2026-01-01: b", 1, "the key '2026-01-01' must be text: quote it"),
    ("a: {1: b}", 1, "the key '1' must be text: quote it"),
    ("? [a]\n: b", 1, "a key must be text"),
    ("a: 1\na: 2", 2, "found duplicate key"),
    ("a:\n\tb: 1", 2, f"{SYNTAX}"),
    ("a: 'b", 1, SYNTAX),
    ("a: b: c", 1, SYNTAX),
    ("a: 1\n---\nb: 2", 2, SYNTAX),
    ("%YAML 9.9\n---\na: 1", 1, SYNTAX),
    ("a: 1\nb: \0", 2, "not YAML: character #x0000"),
    ('a: "\\0"', 1, "control character"),
    ('a: "\\ud800"', 1, "quote it if it is text"),
    ("a: !!binary x", 1, "is a tag: write the value alone"),
    ("a: !!python/object:os.system x", 1, "is a tag"),
    ("a: " + "9" * 5000, 1, "neither text nor a number"),
    ("a: .nan", 1, "no number that can be used"),
]


@pytest.mark.parametrize(("text", "line", "why"), UNREADABLE, ids=lambda part: str(part)[:20])
def test_what_cannot_be_read_is_refused_with_its_place(
    text: str, line: int, why: str, tmp_path: Path
) -> None:
    path = tmp_path / "params.yaml"
    started = time.monotonic()
    for note in ("", f"{NOTE}big\n"):
        path.write_text(note + text)
        with pytest.raises(params.ParamsError, match=why) as caught:
            read(path)
        assert re.match(rf"{path}:{line + bool(note)}:\d+: ", str(caught.value))
        assert len(str(caught.value).splitlines()) == 1
    assert time.monotonic() - started < 20


@pytest.mark.parametrize("text", ["2026-01-01", "[" * 5000, "*x", "&a 1", "!x 1", "{a: b", ".nan"])
def test_an_override_is_read_as_the_file_is(text: str) -> None:
    with pytest.raises(params.ParamsError) as caught:
        nested(f"a.b={text}")
    assert str(caught.value).startswith(f"'a.b={text}")
    assert len(str(caught.value).splitlines()) == 1


def test_a_file_of_another_encoding_is_refused_and_a_mark_of_utf_8_is_not(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    for content, place in ((b"a: 1\nb: \xff", ":2:"), ("a: 1".encode("utf-16"), ":1:")):
        path.write_bytes(content)
        with pytest.raises(params.ParamsError, match=f"{place} byte 0xff is not UTF-8: save the"):
            read(path)
    path.write_bytes("\ufeffa: 1\r\nb: é\r\n".encode())
    assert read(path) == {"a": 1, "b": "é"}
    with pytest.raises(params.ParamsError, match="cannot be read: Is a directory"):
        read(tmp_path)


def test_a_file_with_any_byte_wrong_is_read_or_refused(tmp_path: Path) -> None:
    """Flipped, put in or left out; each section by itself, as that is quick."""
    _, *sections = re.split(rb"\n(?=[a-z])", Path("params.yaml").read_bytes())
    assert len(sections) == len(params.SECTIONS)
    path, dice, faults = tmp_path / "params.yaml", random.Random(0), []
    for number in range(300):
        section = sections[number % len(sections)]
        path.write_bytes(damaged(section, dice, b"\0\t\xff\xef[]{}:\"'*&!#%@\n-"))
        name = section.partition(b":")[0].decode()
        try:
            params.load_section(name, path)
        except params.ParamsError as error:
            faults.append(str(error))
    assert len(faults) > 50
    assert all(line.startswith(str(path)) for fault in faults for line in fault.splitlines())
