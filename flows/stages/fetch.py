"""Stage fetch: the raw corpus, made here or downloaded from pinned URLs."""

from __future__ import annotations

from flows import paths
from flows.server.runtime import flow, task
from flows.stage import main
from services.mlflow import tracking
from tasks.fetch import FetchConfig, fetch_corpus


@flow
def fetch(config: FetchConfig) -> None:
    # Files that a mirror or an earlier attempt has are not downloaded again.
    fetched = task(fetch_corpus, retries=2, delay=10)(config, paths.RAW)
    tracking.report({"fetch.files": fetched.files, "fetch.bytes": fetched.bytes})


if __name__ == "__main__":
    main(fetch)
