"""params.yaml: a section becomes the frozen dataclass defined beside the code that uses it.

    python -m flows.params check                       # the whole file, before anything runs
    python -m flows.params set smollm2 fetch.seed=7    # merge configs/smollm2.yaml, then the keys

A key the dataclass does not know, or one it needs and does not find, is refused by its name. Only
fields that have a default may be left out of the file.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import json
import os
import sys
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar, cast, get_args, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

PARAMS = Path("params.yaml")
CONFIGS = Path("configs")
DEFAULT = "embedded"
"""The config that is complete; the others say where they differ from it."""
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


def merged(configs: Sequence[str]) -> Mapping[str, Any]:
    """Every section with the configs merged in that order; no file is changed.

    Raises:
        ParamsError: there is no such config, or the result is not valid.
    """
    return _validate(_merged(configs), Path("+".join(configs)))


def _merged(configs: Sequence[str]) -> Document:
    document = _read(_config_path(DEFAULT))
    for config in configs:
        _merge(document, _read(_config_path(config)))
    return document


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
    if configs:  # a config is always the same values, whatever stood here before
        document = _merged(configs)
    for override in overrides:
        _merge(document, _nested(override))
    _validate(document, path)
    _write(document, path)
    return [
        f"{key}: {before.get(key)} -> {value}"
        for key, value in _leaves(document)
        if before.get(key) != value
    ]


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
    name = ".".join(map(str, fault["loc"]))
    match fault["type"]:
        case "missing":
            return f"{name} is missing"
        case "extra_forbidden" | "unexpected_keyword_argument":
            return f"unknown key {name}; known: {', '.join(_known(configs, fault['loc'][:-1]))}"
        case "value_error":
            return f"{name}: {fault['ctx']['error']}"
    return f"{name} = {fault['input']!r}: {fault['msg'][0].lower()}{fault['msg'][1:]}"


def _known(configs: Mapping[str, type[Any]], parents: Sequence[str | int]) -> list[str]:
    """The keys that may stand below `parents`."""
    if not parents:
        return list(configs)
    config = configs[str(parents[0])]
    config = _inside(config) or config
    for key in parents[1:]:
        hints = get_type_hints(config)
        if key in hints:  # else a key or an index of a container: its dataclass is found already
            config = _inside(hints[str(key)]) or config
    return [field.name for field in dataclasses.fields(config)]


def _inside(annotation: Any) -> Any | None:
    """The dataclass that an annotation is, or holds."""
    if dataclasses.is_dataclass(annotation):
        return annotation
    return next(filter(None, map(_inside, get_args(annotation))), None)


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
        known = ", ".join(sorted(found.stem for found in CONFIGS.glob("*.yaml")))
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
        document = _round_trip().load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ParamsError(f"{path} is not here; run from the repository's root") from None
    except YAMLError as error:
        raise ParamsError(f"{path} is not YAML: {error}") from error
    if not isinstance(document, MutableMapping):
        raise ParamsError(f"{path}: expected sections, found {type(document).__name__}")
    return document


def _write(document: Document, path: Path) -> None:
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    with temporary.open("w", encoding="utf-8") as file:
        _round_trip().dump(document, file)
    temporary.replace(path)


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
