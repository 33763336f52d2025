"""Server of the deployments of prefect.yaml: it runs what is started in the Prefect UI.

python -m flows.deploy                   # until Ctrl-C; the schedules stay as they are
python -m flows.deploy --schedule on     # only switch them on, on the server; or off

With a work pool, use the same file: `prefect deploy --all`.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from prefect import get_client, serve
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.deployments.runner import RunnerDeployment
from prefect.exceptions import ObjectNotFound
from prefect.schedules import Cron

from dialogue.endpoints.proxies import bypass_loopback, require_usable
from dialogue.progress import any_terminal
from flows import pipeline
from flows.server import one_at_a_time, runtime

DEPLOYMENTS = Path("prefect.yaml")


def definitions() -> list[dict[str, Any]]:
    """The deployments of prefect.yaml.

    Raises:
        ValueError: the file is missing, or is not YAML.
    """
    try:
        return list(yaml.safe_load(DEPLOYMENTS.read_text(encoding="utf-8"))["deployments"])
    except FileNotFoundError:
        raise ValueError(f"{DEPLOYMENTS} is not here; run from the repository's root") from None
    except (yaml.YAMLError, KeyError, TypeError) as error:
        raise ValueError(f"{DEPLOYMENTS}: no list of deployments ({error})") from error


def deployment(definition: Mapping[str, Any]) -> RunnerDeployment:
    """A deployment that this process serves.

    While a run of a deployment is active, a second one is cancelled: nightly runs must not pile up.
    """
    function = definition["entrypoint"].rpartition(":")[2]
    where = f"{function}/{definition['name']}"
    limit = definition.get("concurrency_limit", {})
    found: RunnerDeployment = getattr(pipeline, function).to_deployment(
        name=definition["name"],
        description=definition["description"],
        tags=definition.get("tags", []),
        parameters=definition.get("parameters", {}),
        schedules=[_schedule(where, given) for given in definition.get("schedules", [])],
        concurrency_limit=ConcurrencyLimitConfig(
            limit=limit.get("limit", 1),
            collision_strategy=ConcurrencyLimitStrategy(
                limit.get("collision_strategy", "CANCEL_NEW")
            ),
        ),
    )
    return _as_scheduled(found)


def switch_schedules(active: bool) -> list[str]:
    """Switch every schedule of these deployments; returns one line per schedule.

    Raises:
        ValueError: a deployment is not deployed yet.
    """
    lines = []
    with get_client(sync_client=True) as client:
        for definition in definitions():
            function = definition["entrypoint"].rpartition(":")[2]
            name = f"{getattr(pipeline, function).name}/{definition['name']}"
            try:
                found = client.read_deployment_by_name(name)
            except ObjectNotFound:
                raise ValueError(f"{name} is not deployed: start `make ui` first") from None
            for schedule in found.schedules:
                client.update_deployment_schedule(found.id, schedule.id, active=active)
                when = getattr(schedule.schedule, "cron", schedule.schedule)
                lines.append(f"{'on ' if active else 'off'} {name}: {when}")
    return lines


def _schedule(where: str, given: Mapping[str, Any]) -> Any:
    try:
        return Cron(
            given["cron"],
            timezone=given.get("timezone", "UTC"),
            active=given.get("active", True),
            slug=given.get("slug"),
        )
    except ValueError as error:
        raise ValueError(f"{DEPLOYMENTS}: {where}: {given['cron']!r}: {error}") from error


def _as_scheduled(new: RunnerDeployment) -> RunnerDeployment:
    """Keep the state, on or off, of each schedule that the server already knows."""
    with get_client(sync_client=True) as client:
        try:
            known = client.read_deployment_by_name(f"{new.flow_name}/{new.name}").schedules
        except ObjectNotFound:
            return new
    active = {schedule.slug: schedule.active for schedule in known}
    for schedule in new.schedules or []:
        schedule.active = active.get(schedule.slug, schedule.active)
    return new


def main() -> int:
    """The command line; returns the exit status."""
    any_terminal()
    parser = argparse.ArgumentParser(prog="python -m flows.deploy")
    parser.add_argument("--schedule", choices=["on", "off"], help="only switch the schedules")
    switch = parser.parse_args().schedule
    api = os.environ.setdefault("PREFECT_API_URL", runtime.LOCAL_API)
    if not runtime.listens(api):
        print(f"no Prefect server at {api}: start one with `make ui`", file=sys.stderr)
        return 1
    bypass_loopback()
    try:
        require_usable()
        if switch:
            print("\n".join(switch_schedules(switch == "on")))
            return 0
        one_at_a_time.ensure_limit()
        served = [deployment(definition) for definition in definitions()]
        serve(*served, pause_on_shutdown=False, print_starting_message=False, limit=None)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
