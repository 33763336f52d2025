"""Names of params.yaml are words that no shell and no path takes for more."""

from __future__ import annotations

import pytest

from services.names import require_names
from tasks.extract.job import ExtractConfig, SetConfig

NAMES = ["x; touch pwned #", "$(id)", "`id`", "a b", "../a", "a/b", "-x", "A", "é", "a\n", ""]


@pytest.mark.parametrize("name", NAMES)
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"arms: .* is no name"):
        require_names("arms", ["josh_sft", name])
    with pytest.raises(ValueError, match=r"sets: .* is no name"):
        ExtractConfig({name: SetConfig("josh", "sft")})
    with pytest.raises(ValueError, match=r"search: .* is no name"):
        ExtractConfig({"sft": SetConfig(name, "sft")})


def test_words_are_names() -> None:
    require_names("arms", ["josh_sft", "r1", "kto2"])
