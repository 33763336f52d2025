"""The folder that the pipeline runs in, as DVC needs it."""

from __future__ import annotations

from pathlib import Path

import yaml
from dvc.config import Config

from flows.params.document import ParamsError

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


def _output_folders() -> set[str]:
    """The folders at the root that hold outputs of stages of dvc.yaml."""
    stages = yaml.safe_load(Path("dvc.yaml").read_text(encoding="utf-8"))["stages"].values()
    outs = [out for stage in stages for out in stage.get("do", stage).get("outs", ())]
    paths = [out if isinstance(out, str) else next(iter(out)) for out in outs]
    return {Path(path).parts[0] for path in paths}
