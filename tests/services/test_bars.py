"""Bars are for terminals: elsewhere no library draws one."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import termios

from services import bars

BARS = """
import json, os, sys, flows, datasets, tqdm
rows = datasets.Dataset.from_dict({"a": [1, 2]})
rows.map(lambda row: row)
list(tqdm.tqdm(range(2)))
print(json.dumps({name: os.environ.get(name) for name in sys.argv[1:]}))
"""


def run(stderr: int, **variables: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name not in bars.OFF}
    command = [sys.executable, "-c", BARS, *bars.OFF]
    environment = {**kept, **variables}
    return subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, stderr=stderr, text=True, check=True
    )


def test_without_a_terminal_none_is_drawn() -> None:
    done = run(subprocess.PIPE)
    assert done.stderr == ""
    assert json.loads(done.stdout) == bars.OFF


def test_what_the_environment_says_stays() -> None:
    done = run(subprocess.PIPE, TQDM_DISABLE="")
    assert "100%" in done.stderr


def test_a_terminal_has_them() -> None:
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    try:
        done = run(theirs)
    finally:
        os.close(theirs)
    assert set(json.loads(done.stdout).values()) == {None}
    assert "100%" in os.read(ours, 10_000).decode()
    os.close(ours)
