"""Small corpora for the tests of toolwoz: ten made-up dialogues in MultiWOZ's format, and more."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from toolwoz.conversion.conversion import Conversion, convert
from toolwoz.corpus.multiwoz import Corpus, read_corpus
from toolwoz.corpus.sources import SyntheticConfig, fetch
from toolwoz.world.scenario import Mode

GOLDEN = Path(__file__).parent.parent / "golden"


@pytest.fixture(scope="session")
def golden() -> Path:
    """The folder of golden files: a tiny corpus and what it converts to."""
    return GOLDEN


@pytest.fixture(scope="session")
def tiny(golden: Path) -> Mapping[Mode, Conversion]:
    """The golden corpus, converted in both modes."""
    corpus = read_corpus(golden / "multiwoz")
    return {"parity": convert(corpus, "parity"), "v2": convert(corpus, "v2")}


@pytest.fixture(scope="session")
def synthetic_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A synthetic corpus of 160 dialogues."""
    size = SyntheticConfig(seed=3, train=100, val=30, test=30)
    return fetch("synthetic", tmp_path_factory.mktemp("synthetic"), synthetic=size)


@pytest.fixture(scope="session")
def synthetic(synthetic_folder: Path) -> Mapping[Mode, Conversion]:
    """The synthetic corpus, converted in both modes."""
    corpus = read_corpus(synthetic_folder)
    return {"parity": convert(corpus, "parity"), "v2": convert(corpus, "v2")}


@pytest.fixture(scope="session")
def real(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """MultiWOZ 2.1 from the mirror folder."""
    mirror = os.environ.get("TOOLWOZ_MIRROR")
    if not mirror:
        pytest.skip("TOOLWOZ_MIRROR names no mirror folder with the real MultiWOZ")
    out = tmp_path_factory.mktemp("multiwoz21")
    return read_corpus(fetch("multiwoz21", out, mirror=Path(mirror)))


@pytest.fixture(scope="session")
def real_conversions(real: Corpus) -> Mapping[Mode, Conversion]:
    """MultiWOZ 2.1 converted in both modes."""
    return {"parity": convert(real, "parity"), "v2": convert(real, "v2")}
