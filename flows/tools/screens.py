"""Pictures of the screens that people look at, each of a page that shows what it should.

    python -m flows.tools.screens              # docs/img anew, of this clone's last run
    python -m flows.tools.screens --into FOLDER

`make ui` is started on free ports over what the clone has: the last finished run of Prefect, the
store of MLflow, Data Docs and the report. Chromium takes the pictures, without a network.
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from dialogue.endpoints.proxies import is_loopback
from dialogue.progress import any_terminal
from flows.tools import browser
from services.processes import reaped

DEPLOYMENTS = Path(__file__).parents[2] / "prefect.yaml"
IMAGES = Path("docs/img")
LARGEST = 150_000
"""Bytes of a picture."""
WIDTH = 1280
PATIENCE = 120.0
"""Seconds until a page must show what it should."""
SETTLING = 3.0
"""Seconds that it then has for its drawings."""


class ScreenError(Exception):
    """A page does not show what it should, or there is nothing to show."""


@dataclass(frozen=True)
class Screen:
    """One page.

    Attributes:
        name: Name of its picture.
        url: Where it is.
        shows: What stands in it.
        height: Height of the window in pixels; the picture ends with it.
        begins: What stands at its top; the page's beginning if empty.
        tab: Pressed first; none if empty.
    """

    name: str
    url: str
    shows: tuple[str, ...]
    height: int = 900
    begins: str = ""
    tab: str = ""


@dataclass(frozen=True)
class Site:
    """The servers of a repository, and where they are."""

    root: Path
    prefect: str
    mlflow: str

    def ask(self, what: str, **where: Any) -> list[dict[str, Any]]:
        """The objects of Prefect's API that a filter finds."""
        url = f"{self.prefect}/api/{what}/filter"
        answer = httpx.post(url, json=where, timeout=60, trust_env=not is_loopback(url))
        return list(answer.raise_for_status().json())

    def deployment(self, name: str) -> str:
        """Its id, once the worker has made it known.

        Raises:
            ScreenError: it has not, for long.
        """
        deadline = time.monotonic() + PATIENCE
        while not (found := self.ask("deployments", deployments={"name": {"any_": [name]}})):
            if time.monotonic() > deadline:
                raise ScreenError(f"Prefect has no deployment {name}")
            time.sleep(0.5)
        return str(found[0]["id"])

    def finished_run(self) -> dict[str, Any]:
        """The last run of a deployment that came to its end.

        Raises:
            ScreenError: there is none.
        """
        where = {"state": {"type": {"any_": ["COMPLETED"]}}, "deployment_id": {"is_null_": False}}
        found = self.ask("flow_runs", flow_runs=where, sort="START_TIME_DESC", limit=1)
        if not found:
            raise ScreenError("Prefect has no finished run: start one of the deployment local")
        return found[0]


@contextmanager
def serving(root: Path, environment: dict[str, str] | None = None) -> Iterator[Site]:
    """`make ui` in a repository, on free ports, until the context ends."""
    prefect, mlflow = _free_port(), _free_port()
    ports = [f"--prefect-port={prefect}", f"--mlflow-port={mlflow}"]
    site = Site(root, f"http://127.0.0.1:{prefect}", f"http://127.0.0.1:{mlflow}")
    process = subprocess.Popen(
        [sys.executable, "-m", "flows.tools.ui", *ports],
        cwd=root,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    with reaped([process], grace=60):
        _wait_until_ready(process)
        yield site


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_ready(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        if line.startswith("Ready"):
            return
        said.append(line)
    raise ScreenError(f"the servers did not start:\n{''.join(said)}")


def of_prefect(site: Site) -> list[Screen]:
    """Its deployments, the form of a run, and a finished run with what it left."""
    run = site.finished_run()
    at = f"{site.prefect}/runs/flow-run/{run['id']}"
    form = f"{site.prefect}/deployments/deployment/{site.deployment('local')}/run"
    names = ("local", "weekly", "nightly")
    return [
        Screen("prefect-deployments", f"{site.prefect}/deployments", names, 640),
        Screen("prefect-form", form, ("Dialogues that JOSH explores",), 1300),
        Screen("prefect", at, (run["name"], "Completed", "fetch", "validate")),
        Screen("prefect-artifacts", at, ("stages", "metrics", "mlflow"), tab="Artifacts"),
    ]


def of_mlflow(site: Site) -> list[Screen]:
    """The base compared with a trained policy, the registry's newest version, and a dialogue."""
    import mlflow

    client = mlflow.MlflowClient(site.mlflow)
    experiments = client.search_experiments(filter_string="name = 'toolwoz-josh'")
    versions = client.search_model_versions(order_by=["version_number DESC"], max_results=1)
    if not experiments or not versions:
        raise ScreenError("MLflow has no registered policy: run the pipeline to its end")
    number, version = experiments[0].experiment_id, versions[0]
    trained = f"{version.tags['round']}/{version.tags['arm']}"
    policies = [f"compare/{policy}" for policy in ("base", trained)]
    ids = ",".join(f'"{_newest(client, number, policy)}"' for policy in policies)
    dialogues = client.search_traces(
        locations=[number], filter_string="tags.policy = 'harvest/josh'", max_results=5
    )
    longest = max(dialogues, key=lambda one: len(one.data.spans)).info.trace_id
    at = f"{site.mlflow}/#"
    compare = f'{at}/compare-runs?runs=[{ids}]&experiments=["{number}"]'
    page = f"{at}/models/{version.name}/versions/{version.version}"
    dialogue = f"{at}/experiments/{number}/traces?selectedEvaluationId={longest}"
    return [
        Screen(
            "mlflow-compare",
            compare,
            (*policies, "test.reward", "test.success"),
            1500,
            "Run details",
        ),
        Screen("mlflow-registry", page, (version.name, "challenger", "dvc."), 900),
        Screen("mlflow-trace", dialogue, ("user", "agent"), 1000),
    ]


def _newest(client: Any, experiment: str, name: str) -> str:
    (run,) = client.search_runs([experiment], f"tags.`mlflow.runName` = '{name}'", max_results=1)
    return str(run.info.run_id)


def of_files(root: Path) -> list[Screen]:
    """Data Docs of the dialogues, and the report."""
    reports = root.resolve() / "reports"
    docs = sorted((reports / "data_docs" / "validations" / "dialogues").rglob("*.html"))
    report = reports / "report.html"
    if not docs or not report.is_file():
        raise ScreenError("no Data Docs or no report in reports/: run the pipeline to its end")
    return [
        Screen("data-docs", docs[-1].as_uri(), ("Success Percent", "dialogues")),
        Screen("report", report.as_uri(), ("base", "reward")),
    ]


def take(screen: Screen, folder: Path) -> Path:
    """The picture of a page, as a small PNG.

    Raises:
        ScreenError: there is no browser, or the page does not show what it should.
    """
    program = browser.program()
    if program is None:
        raise ScreenError(f"none of {', '.join(browser.BROWSERS)} is installed, to take pictures")
    picture = folder / f"{screen.name}.png"
    with browser.page(program) as page:
        page.open(screen.url, WIDTH, screen.height)
        if screen.tab and page.says((screen.tab,), PATIENCE):
            page.press(screen.tab)
        is_there = page.says(screen.shows, PATIENCE)
        if screen.begins:
            page.scroll_to(screen.begins)
        time.sleep(SETTLING)
        picture.write_bytes(page.picture())
        text = page.text()
    if not is_there:
        missing = [words for words in screen.shows if words not in text]
        raise ScreenError(f"{screen.url} does not show {', '.join(missing)}: see {picture}")
    _shrink(picture)
    return picture


def _shrink(picture: Path) -> None:
    """To a palette of 64 colours."""
    from PIL import Image

    with Image.open(picture) as image:
        few = image.convert("RGB").quantize(64, dither=Image.Dither.NONE)
    if len(few.getcolors() or []) < 8:
        raise ScreenError(f"{picture} is blank")
    few.save(picture, optimize=True)
    if picture.stat().st_size > LARGEST:
        raise ScreenError(f"{picture} has {picture.stat().st_size} bytes, of {LARGEST} at most")


def main() -> int:
    """The command line; returns the exit status."""
    any_terminal()
    parser = argparse.ArgumentParser(prog="python -m flows.tools.screens")
    parser.add_argument("--into", type=Path, default=IMAGES, help="the folder of the pictures")
    into = parser.parse_args().into
    try:
        with serving(Path.cwd(), dict(os.environ)) as site:
            for screen in (*of_files(site.root), *of_prefect(site), *of_mlflow(site)):
                print(take(screen, into), flush=True)
    except (ScreenError, OSError, subprocess.SubprocessError, httpx.HTTPError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
