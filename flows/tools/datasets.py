"""The versions of data/datasets that commits and experiments hold, and how two of them differ.

    python -m flows.tools.datasets                 # every version: hash, revisions, sets
    python -m flows.tools.datasets v1 my-exp       # rows kept, new and gone, per file

A version is a content of the folder by DVC's hash; commits and experiments may share one.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from dialogue.progress import any_terminal
from flows import paths

LOCK = "dvc.lock"
WORKSPACE = "workspace"
REPORT = "extract"
"""Folder of the rounds' reports, and the stage that writes them."""
KIND = re.compile(r"^HEAD -> |^tag: |^refs/exps/\w\w/\w{38}/")
"""Prefixes that git puts before the name of a branch, tag or experiment."""


class DatasetsError(ValueError):
    """A version that is not available; the message says what to do."""


@dataclass
class Version:
    """One content of the training sets.

    Attributes:
        hashes: Path of data/datasets, or of a folder below it, and DVC's md5.
        names: Tags, experiments and commits that have it; the newest commit first.
        revision: Revision to read it from; None for the workspace.
        date: Date of the oldest of its commits.
    """

    hashes: tuple[tuple[str, str], ...]
    revision: str | None
    date: datetime
    names: list[str] = field(default_factory=list)


def versions() -> list[Version]:
    """Every version, newest first."""
    found: dict[tuple[tuple[str, str], ...], Version] = {}
    for revision, date, names in _revisions():
        hashes = _hashes(revision)
        if not hashes:
            continue
        version = found.setdefault(hashes, Version(hashes, revision, date))
        version.date = min(version.date, date)
        version.names += names
    return list(found.values())


def describe(version: Version) -> str:
    """The lines about a version: hash, date and revisions, then the rows of each set."""
    hashes = ", ".join(f"{path} {md5[:8]}" for path, md5 in version.hashes)
    head = f"{hashes}  {version.date:%Y-%m-%d %H:%M}  {', '.join(version.names)}"
    return "\n".join([head, *_sets(version.revision)])


def compare(before: str, after: str) -> Iterator[str]:
    """The changes from one revision, or ``workspace``, to another, one line per file.

    Raises:
        DatasetsError: no such revision, or its rows are neither here nor in a remote.
    """
    old, new = _rows(before), _rows(after)
    for name in sorted(old.keys() | new.keys()):
        was, now = old.get(name, Counter()), new.get(name, Counter())
        kept = (was & now).total()
        yield (
            f"{name:<30} {was.total():>7,} -> {now.total():>7,} rows: "
            f"{kept:,} kept, {now.total() - kept:,} new, {was.total() - kept:,} gone"
        )


def _revisions() -> Iterator[tuple[str | None, datetime, list[str]]]:
    """The workspace, and every commit, those of experiments included, that changed dvc.lock."""
    if Path(LOCK).is_file():
        yield None, datetime.fromtimestamp(Path(LOCK).stat().st_mtime, UTC), [WORKSPACE]
    # Without these options git names no experiments.
    refs = [f"--decorate-refs=refs/{kind}" for kind in ("heads", "tags", "exps")]
    refs.append("--decorate-refs-exclude=refs/exps/exec")
    log = _git("log", "--all", *refs, "--format=%H%x09%ct%x09%D", "--", LOCK)
    for line in log.splitlines():
        commit, seconds, names = line.split("\t")
        found = [KIND.sub("", name) for name in names.split(", ") if name]
        yield commit, datetime.fromtimestamp(int(seconds), UTC), found or [commit[:7]]


def _hashes(revision: str | None) -> tuple[tuple[str, str], ...]:
    text = _git("show", f"{revision}:{LOCK}") if revision else Path(LOCK).read_text("utf-8")
    try:
        lock = YAML(typ="safe").load(text) or {}
    except YAMLError as error:
        raise DatasetsError(f"{LOCK} of {revision or WORKSPACE} is not YAML: {error}") from error
    outs = (out for stage in lock.get("stages", {}).values() for out in stage.get("outs", ()))
    return tuple(
        sorted(
            (out["path"], out["md5"])
            for out in outs
            if Path(out["path"]).is_relative_to(paths.DATASETS)
        )
    )


def _sets(revision: str | None) -> Iterator[str]:
    """Rows and lengths of every set, from the reports of the stage that wrote it."""
    try:
        with _files(revision) as files:
            found = _find(files, paths.REPORTS / REPORT, ".json")
            reports = {Path(file).stem: json.loads(files.read_text(file)) for file in found}
    except FileNotFoundError:
        yield "    its report is not in DVC's cache here: dvc fetch --all-commits"
        return
    sets = {
        f"{round}/{name}": one
        for round, report in reports.items()
        if "stopped" not in report
        for name, one in report.items()
    }
    for name, one in sets.items():
        lengths = one["completion_chars"]
        yield (
            f"    {name:<17} {one['rows']:>7,} rows {lengths['median']:>7,.0f} characters "
            f"(95 % below {lengths['p95']:,.0f})  {one['extractor']}"
        )


def _rows(revision: str) -> dict[str, Counter[bytes]]:
    """File -> a digest of each of its rows."""
    try:
        with _files(None if revision == WORKSPACE else revision) as files:
            return {
                Path(name).relative_to(paths.DATASETS).as_posix(): _digests(files, name)
                for name in _find(files, paths.DATASETS, ".jsonl")
            }
    except FileNotFoundError:
        raise DatasetsError(
            f"{paths.DATASETS} of {revision} is not in DVC's cache here: "
            "dvc fetch --all-commits, or dvc repro extract"
        ) from None


def _find(files: Any, folder: Path, suffix: str) -> list[str]:
    """The files of a folder with that suffix; DVC also puts a .gitignore there."""
    return [name for name in files.find(folder.as_posix()) if name.endswith(suffix)]


def _digests(files: Any, name: str) -> Counter[bytes]:
    with files.open(name, "rb") as file:
        return Counter(blake2b(line, digest_size=8).digest() for line in file)


@contextmanager
def _files(revision: str | None) -> Iterator[Any]:
    """The files of a revision, from the workspace, git, or DVC's cache.

    Raises:
        DatasetsError: there is no such revision.
    """
    from dvc.api import DVCFileSystem
    from dvc.scm import SCMError

    try:
        yield DVCFileSystem(".", rev=revision)
    except SCMError as error:
        raise DatasetsError(f"{error}: name a tag, branch, commit or experiment") from error


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise DatasetsError(f"git {arguments[0]}: {done.stderr.strip()}")
    return done.stdout


def main() -> int:
    """The command line; returns the exit status."""
    any_terminal()
    parser = argparse.ArgumentParser(prog="python -m flows.tools.datasets")
    parser.add_argument("revisions", nargs="*", help="two revisions to compare")
    revisions = parser.parse_args().revisions
    if len(revisions) not in (0, 2):
        parser.error("name no revision, or two")
    try:
        if revisions:
            print("\n".join(compare(*revisions)))
        elif found := versions():
            print("\n".join(map(describe, found)))
        else:
            print(f"no {LOCK} holds {paths.DATASETS} yet: run `dvc repro extract`")
    except DatasetsError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
