"""The converted corpus of a command: its folder and options."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from toolwoz.world.domains import Split
from toolwoz.world.scenario import SCENARIOS, Mode, Scenario, read_scenarios
from toolwoz.world.world import World

RAW = Path("data/raw")
DATA = Path("data/toolwoz")


@dataclass(frozen=True, slots=True)
class Data:
    """A converted corpus: its folder and the world of its scenarios."""

    folder: Path
    world: World

    def scenarios(self, split: Split | None = None) -> list[Scenario]:
        """The scenarios of a split, or all, sorted by id.

        Raises:
            ValueError: there are none.
        """
        found = sorted(read_scenarios(self.folder / SCENARIOS, split), key=lambda s: s.id)
        if not found:
            raise ValueError(f"{self.folder} has no scenarios" + (f" of {split}" if split else ""))
        return found

    def scenario(self, name: str) -> Scenario:
        """The scenario of an id.

        Raises:
            ValueError: there is none; the message gives some ids.
        """
        scenarios = self.scenarios()
        wanted = name.removesuffix(".json").casefold()
        for scenario in scenarios:
            if scenario.id.casefold() == wanted:
                return scenario
        some = ", ".join(scenario.id for scenario in scenarios[:3])
        raise ValueError(f"{self.folder} has no scenario {name!r}; it has {some}, ...")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add ``--data`` and ``--mode``."""
    parser.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help=f"folder that convert wrote (default: {DATA}, or {folder_of('parity')} for parity)",
    )
    parser.add_argument("--mode", choices=("v2", "parity"), help="mode the data must have")


def folder_of(mode: Mode) -> Path:
    """The default folder of a mode."""
    return DATA if mode == "v2" else DATA.with_name(f"{DATA.name}-{mode}")


def open_data(args: argparse.Namespace) -> Data:
    """The converted corpus that the arguments name.

    Raises:
        ValueError: there is none, or it is of another mode.
    """
    folder: Path = args.data or folder_of(args.mode or "v2")
    if not (folder / SCENARIOS).is_file():
        mode = f" --mode {args.mode}" if args.mode else ""
        raise ValueError(
            f"{folder} has no {SCENARIOS}; run `python -m toolwoz convert{mode}` first"
        )
    world = World.load(folder)
    if args.mode and world.mode != args.mode:
        raise ValueError(f"{folder} is of mode {world.mode}, not {args.mode}; give another --data")
    return Data(folder, world)
