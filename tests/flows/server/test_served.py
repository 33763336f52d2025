"""The deployments on a real Prefect server: their forms, their schedules, one run at a time."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from prefect import flow, get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitUpdate
from prefect.exceptions import PrefectHTTPStatusError

from dialogue.progress import Progress
from flows import deploy
from flows.server import one_at_a_time, runtime
from flows.server.progress import ProgressBars

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

NAMES = ["pipeline/local", "harvest-and-train/weekly", "evaluate-only/nightly"]


@pytest.fixture(autouse=True)
def on_the_server(prefect_api: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("PREFECT_API_URL", prefect_api)
    monkeypatch.setenv("WOZ_PREFECT", "server")
    runtime.is_tracked.cache_clear()
    yield
    runtime.is_tracked.cache_clear()


def say(*arguments: str, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr("sys.argv", ["flows.deploy", *arguments])
    return deploy.main()


def schedules() -> dict[str, bool]:
    """Deployment -> whether its schedule is on, of those that have one."""
    with get_client(sync_client=True) as client:
        found = {name: client.read_deployment_by_name(name).schedules for name in NAMES}
    return {name: one.active for name, of_it in found.items() for one in of_it}


def test_schedules_are_off_until_they_are_switched_on_and_stay_as_they_were(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert say("--schedule", "on", monkeypatch=monkeypatch) == 1
    assert capsys.readouterr().err == "pipeline/local is not deployed: start `make ui` first\n"
    for definition in deploy.definitions():
        deploy.deployment(definition).apply()
    off = {"harvest-and-train/weekly": False, "evaluate-only/nightly": False}
    assert schedules() == off
    assert say("--schedule", "on", monkeypatch=monkeypatch) == 0
    assert capsys.readouterr().out.splitlines() == [
        "on  harvest-and-train/weekly: 0 1 * * 0",
        "on  evaluate-only/nightly: 0 3 * * *",
    ]
    assert schedules() == dict.fromkeys(off, True)
    for definition in deploy.definitions():  # the worker is started again
        deploy.deployment(definition).apply()
    assert schedules() == dict.fromkeys(off, True)
    assert say("--schedule", "off", monkeypatch=monkeypatch) == 0
    assert schedules() == off


@pytest.mark.parametrize("name", NAMES)
def test_the_form_of_a_run_says_what_each_field_is_and_refuses_nonsense(name: str) -> None:
    for definition in deploy.definitions():
        deploy.deployment(definition).apply()
    with get_client(sync_client=True) as client:
        found = client.read_deployment_by_name(name)
        schema = found.parameter_openapi_schema or {}
        fields = dict(_fields(schema))
        assert fields
        assert [field for field, one in fields.items() if not one.get("description")] == []
        assert found.description
        bad = {"overrides": {"test_scenarios": 0}}
        with pytest.raises(PrefectHTTPStatusError, match=r"409|422"):
            client.create_flow_run_from_deployment(found.id, parameters=bad)


def _fields(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The fields a form shows, also those of the models below it."""
    yield from schema.get("properties", {}).items()
    for model in schema.get("definitions", {}).values():
        yield from model.get("properties", {}).items()


def test_a_run_waits_for_the_one_before_it() -> None:
    log: list[str] = []

    def run(name: str) -> None:
        with one_at_a_time.one_at_a_time():
            log.append(f"{name} starts")
            time.sleep(1)
            log.append(f"{name} ends")

    runs = [threading.Thread(target=run, args=[name]) for name in ("a", "b")]
    for one in runs:
        one.start()
    for one in runs:
        one.join(timeout=120)
    first, second = log[0][0], log[2][0]
    assert log == [f"{first} starts", f"{first} ends", f"{second} starts", f"{second} ends"]
    assert first != second


def test_a_limit_that_someone_raised_stays_raised() -> None:
    one_at_a_time.ensure_limit()
    with get_client(sync_client=True) as client:
        assert client.read_global_concurrency_limit_by_name(one_at_a_time.LIMIT).limit == 1
        client.update_global_concurrency_limit(
            one_at_a_time.LIMIT, GlobalConcurrencyLimitUpdate(limit=2)
        )
        try:
            one_at_a_time.ensure_limit()
            assert client.read_global_concurrency_limit_by_name(one_at_a_time.LIMIT).limit == 2
        finally:
            client.update_global_concurrency_limit(
                one_at_a_time.LIMIT, GlobalConcurrencyLimitUpdate(limit=1)
            )


def test_progress_is_a_bar_that_fills_also_from_inside_an_event_loop() -> None:
    async def work() -> None:
        progress = Progress("dpo_calls", 10, listeners=[ProgressBars()])
        for _ in range(10):
            progress.advance()

    @flow
    def demo() -> None:
        asyncio.run(work())

    demo()
    with get_client(sync_client=True) as client:
        found = [one for one in client.read_artifacts() if one.key == "dpo-calls"]
    assert [(one.type, one.data, one.description) for one in found] == [
        ("progress", 100.0, "dpo_calls: 10 of 10")
    ]
