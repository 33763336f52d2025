"""The folder that the pipeline runs in, as DVC needs it."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path

import yaml
from dvc.config import Config
from dvc.lock import make_lock
from dvc.rwlock import SCHEMA, Invalid
from dvc.schema import COMPILED_LOCKFILE_SCHEMA

from flows.params.document import ParamsError

log = logging.getLogger(__name__)

WRITTEN_IN_PLACE: dict[str, tuple[str, Callable[[str], object]]] = {
    ".dvc/tmp/rwlock": (".dvc/tmp/rwlock.lock", lambda text: SCHEMA(json.loads(text))),
    "dvc.lock": (".dvc/tmp/lock", lambda text: COMPILED_LOCKFILE_SCHEMA(yaml.safe_load(text))),
}
"""File that a kill may leave half written -> DVC's lock on it, and what reads it."""
NO_GIT = (
    "this folder is no git repository (a download without its history), and DVC needs one: "
    "`git init`, or, without git, `dvc init --no-scm -f`"
)


LINKED = (
    "{name}/ is a link to another place, where DVC keeps no outputs: make it a folder, and move "
    "what is large, DVC's cache: `dvc cache dir --local PLACE`, then "
    "`dvc config --local cache.type symlink`"
)


def require_dvc_repository() -> None:
    """Refuse a folder in which DVC would not start, or not keep what a stage made.

    Raises:
        ParamsError: it is in no git repository, and DVC is not told to do without; or a folder of
            outputs is a link. The message says what to type.
    """
    if not Path(".dvc").is_dir():
        return
    for name in sorted(_output_folders()):
        if Path(name).is_symlink():
            raise ParamsError(LINKED.format(name=name))
    if Config(".dvc")["core"].get("no_scm"):
        return
    here = Path.cwd()
    if not any((folder / ".git").exists() for folder in (here, *here.parents)):
        raise ParamsError(NO_GIT)


def remove_cut_files() -> None:
    """Remove what DVC was writing when it was killed, as it does not start where that is.

    Nothing is lost: its cache knows what each stage made of what. A file that a process is writing
    is waited for.
    """
    for name, (lock, load) in WRITTEN_IN_PLACE.items():
        if Path(name).is_file() and Path(lock).parent.is_dir():
            with make_lock(lock, wait=True):
                if not _is_whole(Path(name), load):
                    log.warning("%s was cut off by a kill, and is removed", name)
                    Path(name).unlink(missing_ok=True)


def _is_whole(path: Path, load: Callable[[str], object]) -> bool:
    try:
        load(path.read_text(encoding="utf-8"))
    except (ValueError, yaml.YAMLError, Invalid):
        return False
    return True


def _output_folders() -> set[str]:
    """The folders at the root that hold outputs of stages of dvc.yaml."""
    stages = yaml.safe_load(Path("dvc.yaml").read_text(encoding="utf-8"))["stages"].values()
    outs = [out for stage in stages for out in stage.get("do", stage).get("outs", ())]
    paths = [out if isinstance(out, str) else next(iter(out)) for out in outs]
    return {Path(path).parts[0] for path in paths}
