"""params.yaml: a section becomes the frozen dataclass defined beside the code that uses it.

    python -m flows.params check                       # the whole file, before anything runs
    python -m flows.params set smollm2 fetch.seed=7    # merge configs/smollm2.yaml, then the keys
    python -m flows.params set default                 # as it was before

The file is the default run until something is set; then its first line says what. A config is laid
over the default, which is the newest version of the file, here or in git, without such a line.

A key the dataclass does not know, or one it needs and does not find, is refused by its name. Only
fields that have a default may be left out of the file.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, MutableMapping, Sequence
from pathlib import Path
from types import UnionType
from typing import (
    Annotated,
    Any,
    ClassVar,
    Protocol,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

from pydantic import ConfigDict, TypeAdapter, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from dialogue.files import replacing

PARAMS = Path("params.yaml")
CONFIGS = Path("configs")
DEFAULT = "default"
"""The config that differs in nothing from the default."""
NOTE = "# Over the default: "
"""How the first line begins of a file that is no default."""
SECTIONS: Mapping[str, str] = {
    "fetch": "tasks.fetch:FetchConfig",
    "validate": "tasks.validate.job:ValidateConfig",
    "convert": "tasks.convert:ConvertConfig",
    "dialogue": "toolwoz.users.dialogues:DialogueConfig",
    "engine": "services.engines:EngineSettings",
    "scale": "flows.scaling:ScaleConfig",
    "bootstrap": "tasks.bootstrap.job:BootstrapConfig",
    "rounds": "tasks.rounds.sequence:Rounds",
    "harvest": "tasks.harvest.job:HarvestConfig",
    "extract": "tasks.extract.job:ExtractConfig",
    "train": "tasks.train.job:TrainConfig",
    "benchmarks": "tasks.benchmarks.job:BenchmarksConfig",
    "evaluate": "tasks.evaluate.job:EvaluateConfig",
    "gate": "tasks.rounds.sequence:GateConfig",
    "register": "tasks.register.job:RegisterConfig",
}
"""Section of params.yaml -> where its type is; imported only when the section is read."""

Config = TypeVar("Config")
Document = MutableMapping[str, Any]


class ParamsError(ValueError):
    """params.yaml, or what was to be merged into it, is not what the code expects."""


def load(section: str, config: type[Config], path: Path = PARAMS) -> Config:
    """One section of the file as `config`.

    Raises:
        ParamsError: the section or a key is missing or unknown, or a value has the wrong type;
            every fault is named with its full key.
    """
    document = _read(path)
    if section not in document:
        raise ParamsError(f"{path}: no section {section!r}; it has: {', '.join(document)}")
    return cast(Config, _parse({section: config}, {section: document[section]}, path)[section])


class Section(Protocol):
    """A section as the dataclass that SECTIONS names for it, whichever that is."""

    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]


def load_section(name: str, path: Path = PARAMS) -> Any:
    """One section as the dataclass, or the mapping of some, that SECTIONS names for it; of
    ``SECTION.FIELD``, the field alone."""
    section, _, field = name.partition(".")
    found = load(section, _dataclass_of(section), path)
    return getattr(found, field) if field else found


def check(path: Path = PARAMS, overrides: Sequence[str] = ()) -> Mapping[str, Any]:
    """Every section of the file, validated with the overrides in it; the file stays as it is.

    Raises:
        ParamsError: as :func:`load`, for the whole file; all faults at once.
    """
    document = _read(path)
    for override in overrides:
        _merge(document, _nested(override))
    return _validate(document, path)


def merged(configs: Sequence[str], path: Path = PARAMS) -> Mapping[str, Any]:
    """Every section with the configs merged in that order; no file is changed.

    Raises:
        ParamsError: there is no such config, or the result is not valid.
    """
    return _validate(_merged(configs, path), Path("+".join(configs)))


def change(overrides: Sequence[str], configs: Sequence[str] = (), path: Path = PARAMS) -> list[str]:
    """Merge configs, each over the one before, and ``section.key=value`` overrides into the file.

    Comments and layout stay. The file is replaced atomically, and only if the result is valid.

    Returns:
        One line a changed key, ``key: old -> new``.

    Raises:
        ParamsError: there is no such config, an override is not ``key=value``, or the result is
            not valid; the file is then as it was.
    """
    document = _read(path)
    before = dict(_leaves(document))
    noted = _noted(path.read_text(encoding="utf-8"))
    if configs:  # a config is always the same values, whatever was set before
        document = _merged(configs, path)
        noted = [name for name in configs if name != DEFAULT]
    for override in overrides:
        _merge(document, _nested(override))
    _validate(document, path)
    after = dict(_leaves(document))
    if configs or after != before:
        _write(document, path, dict.fromkeys([*noted, *overrides]))
    return [
        f"{key}: {before.get(key)} -> {after.get(key)}"
        for key in {**after, **before}
        if after.get(key) != before.get(key)
    ]


def _merged(configs: Sequence[str], path: Path) -> Document:
    document = _default(path)
    for config in configs:
        if config != DEFAULT:
            _merge(document, _read(_config_path(config)))
    return document


def _default(path: Path) -> Document:
    """The file as it was before anything was set."""
    for text in _versions(path):
        if not text.startswith(NOTE):
            return _parsed(text, path)
    raise ParamsError(f"{path}: what was set cannot be undone, as git has no version without it")


def _versions(path: Path) -> Iterator[str]:
    """The file, then what git has of it, newest first."""
    yield path.read_text(encoding="utf-8")
    for commit in _git(path, "log", "--format=%h", "--", path.name).split():
        yield _git(path, "show", f"{commit}:./{path.name}")


def _git(path: Path, *arguments: str) -> str:
    """What git says in the file's folder; nothing where there is no git."""
    command = ["git", *arguments]
    return subprocess.run(command, cwd=path.parent, capture_output=True, text=True).stdout


def _noted(text: str) -> list[str]:
    """What was set, as the first line of a file says it."""
    line, _, _ = text.partition("\n")
    return line.removeprefix(NOTE).split() if line.startswith(NOTE) else []


def _dataclass_of(section: str) -> type[Any]:
    module, _, name = SECTIONS[section].partition(":")
    return cast(type[Any], getattr(importlib.import_module(module), name))


def _validate(document: Document, path: Path) -> Mapping[str, Any]:
    found = _parse({section: _dataclass_of(section) for section in SECTIONS}, document, path)
    if "benchmarks" in found:
        _require_benchmarks(found, path)
    return found


def _require_benchmarks(found: Mapping[str, Any], path: Path) -> None:
    """What the gate has a margin for must be run: found here, and not after the training."""
    margins, names = found["gate"].margins, found["benchmarks"].names
    if missing := sorted(set(margins) - set(names)):
        raise ParamsError(
            f"{path}: gate.margins has {', '.join(missing)}, which nothing runs: add it "
            "to benchmarks.names"
        )


def _parse(configs: Mapping[str, type[Any]], data: Document, path: Path) -> Mapping[str, Any]:
    # A dataclass, as a model of pydantic has methods with the names of stages (register, validate).
    strict = {"__pydantic_config__": ConfigDict(extra="forbid", strict=True)}
    document = dataclasses.make_dataclass("params", configs.items(), namespace=strict)
    try:
        # By way of JSON: pydantic is strict there about types, yet takes lists for tuples.
        return vars(TypeAdapter(document).validate_json(json.dumps(data)))
    except ValidationError as error:
        faults = [_fault(fault, configs) for fault in error.errors()]
        raise ParamsError("\n".join(f"{path}: {fault}" for fault in faults)) from None


def _fault(fault: Any, configs: Mapping[str, type[Any]]) -> str:
    name, config = _place(fault["loc"], configs)
    match fault["type"]:
        case "missing":
            return f"{name} is missing"
        case "extra_forbidden" | "unexpected_keyword_argument":
            known = [field.name for field in dataclasses.fields(config)] if config else configs
            return f"unknown key {name}; known: {', '.join(known)}"
        case "value_error":
            return f"{name}: {fault['ctx']['error']}"
        case "union_tag_not_found":
            return f"{name}.{_unquoted(fault, 'discriminator')} is missing"
        case "union_tag_invalid":
            tag = f"{name}.{_unquoted(fault, 'discriminator')} = {fault['ctx']['tag']!r}"
            return f"{tag}: input should be one of {fault['ctx']['expected_tags']}"
    return f"{name} = {fault['input']!r}: {fault['msg'][0].lower()}{fault['msg'][1:]}"


def _unquoted(fault: Any, key: str) -> str:
    return str(fault["ctx"][key]).strip("'")


def _place(
    location: Sequence[str | int], configs: Mapping[str, type[Any]]
) -> tuple[str, type[Any] | None]:
    """The full key of a fault, and the dataclass that the key's last part belongs to."""
    names: list[str] = []
    at: Any = configs
    config = None
    for part in location:
        if kinds := _kinds(at):  # a part that is no key: it says which of the dataclasses it is
            at = kinds[str(part)]
            continue
        names.append(str(part))
        if dataclasses.is_dataclass(at):
            config, at = cast(type[Any], at), get_type_hints(at, include_extras=True).get(str(part))
        elif at is configs:
            at = configs.get(str(part))
        else:  # a key or an index
            at = next((inner for inner in reversed(get_args(at)) if inner is not ...), None)
        at = _bare(at)
    return ".".join(names), config


def _bare(annotation: Any) -> Any:
    """An annotation without None and without validators."""
    if _kinds(annotation):
        return annotation
    if get_origin(annotation) in (Annotated, Union, UnionType):
        return _bare(get_args(annotation)[0])
    return annotation


def _kinds(annotation: Any) -> Mapping[str, Any]:
    """Of a union of dataclasses that a field tells apart: the field's value -> dataclass."""
    union, *marks = get_args(annotation) if get_origin(annotation) is Annotated else (None,)
    field = next((mark.discriminator for mark in marks if hasattr(mark, "discriminator")), None)
    return {
        tag: one for one in get_args(union) if field for tag in get_args(get_type_hints(one)[field])
    }


def _leaves(document: Mapping[str, Any], at: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in document.items():
        name = f"{at}.{key}" if at else str(key)
        if isinstance(value, Mapping):
            yield from _leaves(value, name)
        else:
            yield name, value


def _merge(document: Document, changes: Mapping[str, Any]) -> None:
    """Key by key; an empty mapping empties what is there."""
    for key, value in changes.items():
        if value and isinstance(value, Mapping) and isinstance(document.get(key), MutableMapping):
            _merge(document[key], value)
        else:
            document[key] = value


def _nested(override: str) -> Mapping[str, Any]:
    """``a.b=1`` as ``{"a": {"b": 1}}``; the value is read as YAML."""
    key, equals, text = override.partition("=")
    if not equals or not all(key.split(".")):
        raise ParamsError(f"{override!r}: expected section.key=value, as in fetch.seed=7")
    try:
        value: Any = YAML(typ="safe").load(text)
    except YAMLError:
        raise ParamsError(
            f"{override!r}: {text} is not YAML; quote what holds a colon, as "
            """'engine.urls=["http://127.0.0.1:8000/v1"]'"""
        ) from None
    for part in reversed(key.split(".")):
        value = {part: value}
    return cast(Mapping[str, Any], value)


def _config_path(name: str) -> Path:
    path = CONFIGS / f"{name}.yaml"
    if not path.is_file():
        names = {DEFAULT, *(found.stem for found in CONFIGS.glob("*.yaml"))}
        known = ", ".join(sorted(names))
        raise ParamsError(f"no config {name!r} in {CONFIGS}/; known: {known}")
    return path


def _round_trip() -> YAML:
    yaml = YAML(typ="rt")
    yaml.preserve_quotes = True
    yaml.width = 4096
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.representer.add_representer(
        type(None), lambda dumper, _: dumper.represent_scalar("tag:yaml.org,2002:null", "null")
    )
    return yaml


def _read(path: Path) -> Document:
    try:
        return _parsed(path.read_text(encoding="utf-8"), path)
    except FileNotFoundError:
        raise ParamsError(f"{path} is not here; run from the repository's root") from None


def _parsed(text: str, path: Path) -> Document:
    first, _, rest = text.partition("\n")
    try:
        document = _round_trip().load(rest if first.startswith(NOTE) else text)
    except YAMLError as error:
        raise ParamsError(f"{path} is not YAML: {error}") from error
    if not isinstance(document, MutableMapping):
        raise ParamsError(f"{path}: expected sections, found {type(document).__name__}")
    return document


def _write(document: Document, path: Path, noted: Iterable[str]) -> None:
    note = " ".join(" ".join(noted).split())
    with replacing(path) as part, part.open("w", encoding="utf-8") as file:
        file.write(f"{NOTE}{note}\n" if note else "")
        _round_trip().dump(document, file)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m flows.params", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("check", help="validate the whole file")
    setter = commands.add_parser("set", help="merge a config and overrides into the file")
    setter.add_argument("changes", nargs="+", metavar="[CONFIG ...] key=value")
    options = parser.parse_args(arguments)
    try:
        if options.command == "check":
            check()
            return 0
        names = [word for word in options.changes if "=" not in word]
        overrides = [word for word in options.changes if "=" in word]
        print("\n".join(change(overrides, names)) or "params.yaml: nothing to change")
    except ParamsError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
