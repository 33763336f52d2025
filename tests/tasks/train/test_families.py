"""The table of model families in docs/models.md says what is so."""

from __future__ import annotations

import pytest

from tests.helpers.conformance import STEPS, Subjected, row
from tests.helpers.families import FAMILIES
from tests.helpers.families_page import HEAD, documented


def test_the_table_has_every_family():
    rows = documented()
    assert list(rows) == list(FAMILIES)
    assert all(tuple(one) == HEAD for one in rows.values())


@pytest.mark.parametrize("family", FAMILIES)
def test_the_table_says_what_is_so(family):
    """Tools, masks and sampled = trained of all; calls where the parser is ours."""
    cells = row(family, calls=False)
    assert documented()[family].items() >= cells.items()


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("family", FAMILIES)
def test_vllms_parsers_read_calls_as_the_table_says(family):
    pytest.importorskip("vllm")
    if family == "gpt-oss":
        pytest.importorskip("bpe_openai", reason="its vocabulary is in the extra frontier")
    assert documented()[family].items() >= row(family).items()


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("family", FAMILIES)
def test_each_method_takes_a_step_as_the_table_says(family):
    """SFT, KTO and DPO, with and without LoRA."""
    assert documented()[family][STEPS] == Subjected(FAMILIES[family]).steps()
