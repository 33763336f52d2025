"""One process of a training run: `accelerate launch ... -m tasks.train.process work/job.json`."""

from __future__ import annotations

import json
import logging
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tasks.train.job import train_arm
from tasks.train.launch import config_of


def main(path: Path) -> int:
    """Train the arm of a job's file; the first process writes ``result.json`` into its folder."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    job = json.loads(path.read_text())
    config = config_of(job["config"])
    places = [Path(job[name]) for name in ("round", "datasets")]
    try:
        trained = train_arm(
            config,
            job["arm"],
            *places,
            work=Path(job["work"]),
            template_kwargs=job["template_kwargs"],
        )
    except (ValueError, OSError) as error:
        _answer(path, {"error": str(error)})
        return 1
    _answer(path, asdict(trained))
    return 0


def _answer(path: Path, record: dict[str, Any]) -> None:
    if os.environ.get("RANK", "0") == "0":
        path.with_name("result.json").write_text(json.dumps(record))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
