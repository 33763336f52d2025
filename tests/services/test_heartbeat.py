"""Work whose bar nobody sees says that it goes on."""

from __future__ import annotations

import logging
import sys
import time
from contextvars import ContextVar

import pytest

from services.heartbeat import heartbeat

RUN = ContextVar("RUN", default="none")
SHORT = 0.01


def lines(caplog: pytest.LogCaptureFixture, every: float) -> list[str]:
    token = RUN.set("this one")
    with caplog.at_level(logging.INFO, "services.heartbeat"), heartbeat(lambda: RUN.get(), every):
        deadline = time.monotonic() + 0.5
        while not caplog.messages and time.monotonic() < deadline:
            time.sleep(SHORT)
    RUN.reset(token)
    return caplog.messages


def test_a_line_now_and_then_in_the_context_of_the_run(caplog: pytest.LogCaptureFixture) -> None:
    said = lines(caplog, SHORT)
    assert said[0].startswith("this one, for ")
    time.sleep(5 * SHORT)
    assert len(caplog.messages) == len(said), "it ends with the work"


def test_short_work_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    assert not lines(caplog, 60.0)


def test_a_terminal_has_its_bar(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert not lines(caplog, SHORT)


def test_the_first_of_several_processes_speaks(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", "1")
    assert not lines(caplog, SHORT)


def test_an_error_passes() -> None:
    with pytest.raises(RuntimeError, match="broken"), heartbeat(lambda: "", SHORT):
        raise RuntimeError("broken")
