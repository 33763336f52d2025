"""Stage fetch: the raw corpus, made here or downloaded from pinned URLs."""

from __future__ import annotations

from flows import paths
from flows.server.runtime import flow, task
from flows.stage import main
from services.mlflow import tracking
from tasks import fetch as work
from tasks.fetch import FetchConfig, Fetched


@task(retries=2, delay=10)
def download(config: FetchConfig) -> Fetched:
    """Fill data/raw; what a mirror or an earlier try has is not downloaded again."""
    return work.fetch(config, paths.RAW)


@task()
def tell(fetched: Fetched) -> None:
    """Log what was fetched."""
    tracking.report({"fetch.files": fetched.files, "fetch.bytes": fetched.bytes})


@flow
def fetch(config: FetchConfig) -> None:
    tell(download(config))


if __name__ == "__main__":
    main(fetch)
