"""The published files of each MultiWOZ release, pinned to a commit, with their checksums."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from dialogue.files.download import PinnedFile
from toolwoz.world.domains import DOMAINS


def _raw(repository: str, commit: str, path: str) -> str:
    return f"https://raw.githubusercontent.com/{repository}/{commit}/{path}"


def _budzianowski(path: str) -> str:
    return _raw("budzianowski/multiwoz", "fe0c8e65cfcd8462bd33c86e35f21addc84ca82b", path)


def _convlab(path: str) -> str:
    return _raw("thu-coai/ConvLab-2", "b014b81fcb1ff74f54681917eee39c14c87af3e5", path)


_DELEX: Final = _raw(
    "wyshi/user-simulator",
    "a9bd9a535bd1c06cb28260adb3380183fbfb385e",
    "data/multiwoz-master/data/multi-woz/delex.json.tar.bz2",
)
_MULTIWOZ24: Final = _raw(
    "smartyfh/MultiWOZ2.4", "6807c1d85f547fcaae10494d26991d2d37c90a63", "data/MULTIWOZ2.4.zip"
)
_DB_SHA256: Final = {
    "restaurant": "7864b4e36027af0907d6afe9ed962fecd6c6966cd626b8ae9341708a04ea201a",
    "hotel": "7f7d0fa564f6735b6a168a3ab72c7ca6f1180c49fa8a285bd9ebf7dac10e5e45",
    "attraction": "2aacc620af4025f1eada5ec83057a866f8e8b72b529f71d2f8bf93bcdd8f8751",
    "train": "4818e735bae20690f6d0d06bb2ae8eec1981c0b680258a970dc01c9073f3fec9",
}
_DATABASES: Final = tuple(
    PinnedFile(
        f"db/{domain}_db.json",
        f"multiwoz21/db/{domain}_db.json",
        _budzianowski(f"db/{domain}_db.json"),
        sha256=_DB_SHA256[domain],
    )
    for domain in DOMAINS
)
_MULTIWOZ21: Final = (
    PinnedFile(
        "delex.json.tar.bz2",
        "multiwoz21/delex.json.tar.bz2",
        _DELEX,
        sha256="e09986861659bba4f40cbee6b4caae8531dad2a38c5d89f5092be3974e29b397",
    ),
    PinnedFile(
        "val.json.zip",
        "multiwoz21/val.json.zip",
        _convlab("data/multiwoz/val.json.zip"),
        sha256="25ddfd4d0b01304012b54e2d98caa038c91d95295c4b519cc721b9b616f506dc",
    ),
    PinnedFile(
        "test.json.zip",
        "multiwoz21/test.json.zip",
        _convlab("data/multiwoz/test.json.zip"),
        sha256="438deb6ff5402cef5ff29cc0d5a10db818c1e9142727c1d631e71b563c66a5b4",
    ),
    PinnedFile(
        "valListFile",
        "multiwoz21/valListFile",
        _convlab("data/multiwoz/valListFile"),
        sha256="94980a8563da8bc02047cf994aa5b8001b4df083f3fbe284c64be1dfcfb264b6",
    ),
    PinnedFile(
        "testListFile",
        "multiwoz21/testListFile",
        _convlab("data/multiwoz/testListFile"),
        sha256="7051d16cb64f620ecb341f8a1708635cd914c2613b2497c23209498ac5e4e033",
    ),
    *_DATABASES,
)
_DIALOGUE_FILES_22: Final = {"train": 17, "dev": 2, "test": 2}
_MULTIWOZ22: Final = tuple(
    PinnedFile(path, f"multiwoz22/{path}", _budzianowski(f"data/MultiWOZ_2.2/{path}"))
    for folder, count in _DIALOGUE_FILES_22.items()
    for path in (f"{folder}/dialogues_{i:03d}.json" for i in range(1, count + 1))
)

RELEASES: Final[Mapping[str, tuple[PinnedFile, ...]]] = MappingProxyType(
    {
        "multiwoz20": (
            PinnedFile(
                "MultiWOZ_2.0.zip",
                "multiwoz20/MultiWOZ_2.0.zip",
                _budzianowski("data/MultiWOZ_2.0.zip"),
                blob="4457555aff779b1e8140dca79e59bfed0832877c",
            ),
            *_DATABASES,
        ),
        # All goals and belief states (2.0) in 3 MB, val and test of 2.1 with their text: what the
        # published environment reads, and small enough to mirror.
        "multiwoz21": _MULTIWOZ21,
        # The release's own archive: the text and the states of 2.1 for train too.
        "multiwoz21-full": (
            PinnedFile(
                "MultiWOZ_2.1.zip",
                "multiwoz21/MultiWOZ_2.1.zip",
                _budzianowski("data/MultiWOZ_2.1.zip"),
                blob="c30d869f77e86fe2bf19245120e771f28cb32bfa",
            ),
            *_DATABASES,
        ),
        # 2.2 has no goals: they are joined from 2.1.
        "multiwoz22": (*_MULTIWOZ22, *_MULTIWOZ21),
        "multiwoz24": (
            PinnedFile(
                "MULTIWOZ2.4.zip",
                "multiwoz24/MULTIWOZ2.4.zip",
                _MULTIWOZ24,
                blob="e031162b461bddebc9c00ae83234387edde6d449",
            ),
            *_DATABASES,
        ),
    }
)
"""Release name to its files."""
