"""Progress bars of the libraries: none where stderr is no terminal.

A log keeps each state of a bar as a line of its own, and Prefect's page as an entry. A
process of the pipeline sets the variables below where it starts, before tqdm is imported, which
reads them then; the processes that it starts inherit them. A variable that the environment sets
already stays.
"""

from __future__ import annotations

import os
import sys

OFF = {
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TQDM_DISABLE": "1",
}


def switch_off() -> None:
    """Set what is not set yet, unless somebody is looking."""
    if not sys.stderr.isatty():
        for name, value in OFF.items():
            os.environ.setdefault(name, value)
