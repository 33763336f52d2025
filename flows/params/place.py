"""The folder that the pipeline runs in, as DVC needs it."""

from __future__ import annotations

from pathlib import Path

from dvc.config import Config

from flows.params.document import ParamsError

NO_GIT = (
    "this folder is no git repository (a download without its history), and DVC needs one: "
    "`git init`, or, without git, `dvc init --no-scm -f`"
)


def require_dvc_repository() -> None:
    """Refuse a folder in which DVC would not start.

    Raises:
        ParamsError: it is in no git repository, and DVC is not told to do without; the message
            says what to type.
    """
    if not Path(".dvc").is_dir() or Config(".dvc")["core"].get("no_scm"):
        return
    here = Path.cwd()
    if not any((folder / ".git").exists() for folder in (here, *here.parents)):
        raise ParamsError(NO_GIT)
