"""Names of params.yaml that become words of commands and names of folders."""

from __future__ import annotations

import re
from collections.abc import Iterable

ADAPTER = "adapter"
"""Folder inside a policy's folder with its LoRA: alone there, or beside the merged weights."""


def require_names(where: str, names: Iterable[str]) -> None:
    """Refuse what a shell or a path could take for more than a name.

    Raises:
        ValueError: a name has other characters than a-z, 0-9 and _; the message says which.
    """
    for name in names:
        if not re.fullmatch("[a-z0-9_]+", name):
            raise ValueError(f"{where}: {name!r} is no name: only a-z, 0-9 and _ may stand in it")
