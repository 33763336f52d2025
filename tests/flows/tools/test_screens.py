"""The screens that people look at, of a real run at toy size: each page shows what it should."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from flows.tools import browser, screens
from flows.tools.screens import Screen, ScreenError, Site
from tests.helpers import toy

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(
        browser.program() is None,
        reason=f"none of {', '.join(browser.BROWSERS)} is installed, to take pictures",
    ),
]

ENDS = ("COMPLETED", "FAILED", "CRASHED")
BUSY = 503


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A pipeline that was run once, as somebody presses Run in Prefect."""
    root = tmp_path_factory.mktemp("screens")
    with toy.engine(tmp_path_factory.mktemp("engine")) as engine:
        toy.make(root, engine.url)
        shutil.copy(screens.DEPLOYMENTS, root)
        environment = toy.environment()
        del environment["WOZ_PREFECT"]
        with screens.serving(root, environment) as site:
            press_run(site)
            yield site


def press_run(site: Site) -> None:
    """Run the deployment `local`, and wait for its end."""
    deployment = f"{site.prefect}/api/deployments/{site.deployment('local')}"
    pressed = patient("POST", f"{deployment}/create_flow_run", {"state": {"type": "SCHEDULED"}})
    run = f"{site.prefect}/api/flow_runs/{pressed['id']}"
    while (state := patient("GET", run)["state"])["type"] not in ENDS:
        time.sleep(1)
    assert state["type"] == "COMPLETED", state


def patient(method: str, url: str, body: Any = None) -> Any:
    """What the server answers; asked again where it is busy with its database."""
    while (answer := httpx.request(method, url, json=body, timeout=60)).status_code == BUSY:
        time.sleep(1)
    return answer.raise_for_status().json()


def looked_at(found: list[Screen], folder: Path) -> list[str]:
    return [screens.take(screen, folder).name for screen in found]


def test_prefect_shows_deployments_a_form_and_a_finished_run(site: Site, tmp_path: Path) -> None:
    assert len(looked_at(screens.of_prefect(site), tmp_path)) == 4


def test_mlflow_shows_policies_side_by_side_a_version_and_a_dialogue(
    site: Site, tmp_path: Path
) -> None:
    assert len(looked_at(screens.of_mlflow(site), tmp_path)) == 3


def test_data_docs_and_the_report_are_pages_without_a_network(site: Site, tmp_path: Path) -> None:
    assert len(looked_at(screens.of_files(site.root), tmp_path)) == 2


def test_a_page_of_errors_is_found_out(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(screens, "PATIENCE", 5.0)
    lost = Screen("lost", f"{site.prefect}/runs/flow-run/no-such-run", ("Completed",))
    with pytest.raises(ScreenError, match="does not show"):
        screens.take(lost, tmp_path)
