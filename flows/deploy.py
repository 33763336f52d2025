"""Serve the pipeline: runs asked for in the Prefect UI, or by a schedule, are run here.

python -m flows.deploy                        # until Ctrl-C; runs on request
python -m flows.deploy --cron "0 3 * * *"     # and every night at three, UTC
"""

from __future__ import annotations

import argparse
import os
import sys

from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.schedules import Cron

from flows import runtime
from flows.pipeline import pipeline

NAME = "local"


def serve(cron: str | None) -> None:
    """Serve until stopped. One run at a time: a second would wait for DVC's lock."""
    pipeline.serve(
        name=NAME,
        description="Bring every stage of dvc.yaml up to date.",
        schedules=[Cron(cron, timezone="UTC")] if cron else [],
        limit=1,
        global_limit=ConcurrencyLimitConfig(
            limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW
        ),
        pause_on_shutdown=False,
        print_starting_message=False,
    )


def main() -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m flows.deploy")
    parser.add_argument("--cron", help="when to run by itself, as in '0 3 * * *' (UTC)")
    cron = parser.parse_args().cron
    api = os.environ.setdefault("PREFECT_API_URL", runtime.LOCAL_API)
    if not runtime.listens(api):
        print(f"no Prefect server at {api}: start one with `make ui`", file=sys.stderr)
        return 1
    try:
        serve(cron)
    except ValueError as error:
        print(f"--cron {cron!r}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
