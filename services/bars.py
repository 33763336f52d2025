"""Progress bars of the libraries, switched off where stderr is no terminal.

In a log each state of a bar is a line, and on Prefect's page an entry. tqdm reads the variables
below when it is imported, so a process of the pipeline sets them when it starts; its child
processes inherit them. A variable that the environment already sets stays.
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
    """Set the variables that are not set yet, unless stderr is a terminal."""
    if not sys.stderr.isatty():
        for name, value in OFF.items():
            os.environ.setdefault(name, value)
