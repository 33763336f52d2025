"""params.yaml: each section becomes the frozen dataclass that the module of its stage defines.

    python -m flows.params check                       # the whole file, before anything runs
    python -m flows.params set smollm2 fetch.seed=7    # merge configs/smollm2.yaml, then the keys
    python -m flows.params set default                 # as it was before

The file is the default run until something is set; then its first line says what. A config is laid
over the default, which is the newest version of the file, here or in git, without such a line.

A key the dataclass does not know, or one it needs and does not find, is refused by its name. Only
fields that have a default may be left out of the file.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar, cast

from pydantic import ConfigDict, TypeAdapter, ValidationError

from flows.params.document import (
    Document,
    ParamsError,
    leaves,
    merge,
    nested,
    notes,
    read,
    read_default,
    write,
)
from flows.params.faults import describe

__all__ = [
    "ParamsError",
    "Section",
    "change",
    "check",
    "load",
    "load_section",
    "load_sections",
    "merged",
]

PARAMS = Path("params.yaml")
LONGEST = 500
"""Characters of a fault: what a section is refused with may be all of it."""
CONFIGS = Path("configs")
DEFAULT = "default"
"""The config that differs in nothing from the default."""
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


def load(section: str, config: type[Config], path: Path = PARAMS) -> Config:
    """One section of the file as `config`.

    Raises:
        ParamsError: the section or a key is missing or unknown, or a value has the wrong type;
            every fault is named with its full key.
    """
    return cast(Config, _load(read(path), section, config, path))


def _load(document: Mapping[str, Any], section: str, config: Any, path: Path) -> Any:
    if section not in document:
        raise ParamsError(f"{path}: no section {section!r}; it has: {', '.join(document)}")
    return _parse({section: config}, {section: document[section]}, path)[section]


class Section(Protocol):
    """A section as the dataclass that SECTIONS names for it, whichever that is."""

    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]


def load_section(name: str, path: Path = PARAMS) -> Any:
    """One section as the dataclass, or the mapping of some, that SECTIONS names for it; of
    ``SECTION.FIELD``, the field alone."""
    return load_sections([name], path)[name]


def load_sections(names: Iterable[str], path: Path = PARAMS) -> dict[str, Any]:
    """Several sections by their names, as :func:`load_section` has each; the file is read once."""
    document, found = read(path), {}
    for name in names:
        section, _, field = name.partition(".")
        config = _load(document, section, _dataclass_of(section), path)
        found[name] = getattr(config, field) if field else config
    return found


def check(path: Path = PARAMS, overrides: Sequence[str] = ()) -> Mapping[str, Any]:
    """Every section of the file, validated with the overrides in it; the file stays as it is.

    Raises:
        ParamsError: as :func:`load`, for the whole file; all faults at once.
    """
    document = read(path)
    for override in overrides:
        merge(document, nested(override))
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
    document = read(path)
    before = dict(leaves(document))
    noted = notes(path)
    if configs:  # a config is always the same values, whatever was set before
        document = _merged(configs, path)
        noted = [name for name in configs if name != DEFAULT]
    for override in overrides:
        merge(document, nested(override))
    _validate(document, path)
    after = dict(leaves(document))
    if configs or after != before:
        write(document, path, dict.fromkeys([*noted, *overrides]))
    return [
        f"{key}: {before.get(key)} -> {after.get(key)}"
        for key in {**after, **before}
        if after.get(key) != before.get(key)
    ]


def _merged(configs: Sequence[str], path: Path) -> Document:
    document = read_default(path)
    for config in configs:
        if config != DEFAULT:
            merge(document, read(_config_path(config)))
    return document


def _dataclass_of(section: str) -> type[Any]:
    module, _, name = SECTIONS[section].partition(":")
    return cast(type[Any], getattr(importlib.import_module(module), name))


def _validate(document: Document, path: Path) -> Mapping[str, Any]:
    found = _parse({section: _dataclass_of(section) for section in SECTIONS}, document, path)
    if "gate" in found:
        _require_each_other(found, path)
    return found


def _require_each_other(found: Mapping[str, Any], path: Path) -> None:
    """What one section names, another must have: found here, and not after the training."""
    gate, arms, sets = found["gate"], found["train"].policies, found["extract"].sets
    uses = [
        ("gate.margins", gate.margins, "benchmarks.names", found["benchmarks"].names),
        ("gate.candidate", [gate.candidate], "train.arms and train.continued", arms),
        ("train", [arm.dataset for arm in arms.values()], "extract.sets", sets),
        ("extract.sets", [one.search for one in sets.values()], "harvest.searches",
         found["harvest"].searches),
    ]  # fmt: skip
    for key, names, where, known in uses:
        if missing := sorted(set(names) - set(known)):
            raise ParamsError(
                f"{path}: {key} names {', '.join(missing)}, not to be found in {where}, which "
                f"has: {', '.join(known) or 'nothing'}"
            )


def _parse(configs: Mapping[str, type[Any]], data: Document, path: Path) -> Mapping[str, Any]:
    # A dataclass, as a model of pydantic has methods with the names of stages (register, validate).
    strict = {"__pydantic_config__": ConfigDict(extra="forbid", strict=True)}
    document = dataclasses.make_dataclass("params", configs.items(), namespace=strict)
    try:
        # By way of JSON: pydantic is strict there about types, yet takes lists for tuples.
        return vars(TypeAdapter(document).validate_json(json.dumps(data)))
    except ValidationError as error:
        faults = [_one_line(describe(fault, configs)) for fault in error.errors()]
        raise ParamsError("\n".join(f"{path}: {fault}" for fault in faults)) from None


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) < LONGEST else f"{line[:LONGEST]}..."


def _config_path(name: str) -> Path:
    path = CONFIGS / f"{name}.yaml"
    if not path.is_file():
        names = {DEFAULT, *(found.stem for found in CONFIGS.glob("*.yaml"))}
        known = ", ".join(sorted(names))
        raise ParamsError(f"no config {name!r} in {CONFIGS}/; known: {known}")
    return path
