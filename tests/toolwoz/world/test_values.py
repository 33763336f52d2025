"""Spellings that mean the same value, and those that do not."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from toolwoz.world.values import canonical, is_empty

SLOTS = st.sampled_from(["name", "leaveAt", "time", "people", "stars", "parking", "area"])


@pytest.mark.parametrize(
    ("slot", "one", "other"),
    [
        ("people", "3", 3),
        ("people", "three", 3.0),
        ("stay", "2 nights", "2"),
        ("stars", "4 stars", "4"),
        ("leaveAt", "5:45", "05:45"),
        ("arriveBy", "5.45", "0545"),
        ("time", "5:45 pm", "17:45"),
        ("time", "12 am", "00:00"),
        ("time", "12:30pm", "12:30"),
        ("area", "center", "Centre"),
        ("name", "king's college", "Kings College"),
        ("name", "The Alpha-Milton Guest House", "alpha milton guesthouse"),
        ("name", "a & b", "a and b"),
        ("name", "café uno", "cafe uno"),
        ("type", "swimming pool", "swimmingpool"),
        ("type", "multiple sports", "mutliple sports"),
        ("internet", "free", "yes"),
        ("parking", True, "yes"),
        ("parking", False, "no"),
    ],
)
def test_spellings_of_one_value(slot: str, one: str | float, other: str | float) -> None:
    assert canonical(slot, one) == canonical(slot, other) != ""


@pytest.mark.parametrize(
    ("slot", "one", "other"),
    [
        ("people", "3", "30"),
        ("time", "5:45 am", "5:45 pm"),
        ("name", "clare college", "clare hall"),
        ("name", "5:45", "05:45"),
        ("parking", "yes", "no"),
        ("time", "5", "05:00"),
    ],
)
def test_different_values(slot: str, one: str, other: str) -> None:
    assert canonical(slot, one) != canonical(slot, other)


@pytest.mark.parametrize("value", [None, "", " ", "dontcare", "Don't care", "not mentioned", "any"])
def test_no_constraint(value: str | None) -> None:
    assert is_empty(value)
    assert canonical("area", value or "") == ""


@given(SLOTS, st.one_of(st.text(), st.integers(), st.floats(), st.booleans()))
@example("name", "\N{MATHEMATICAL FRAKTUR CAPITAL A}")  # no case, until its shape is gone
def test_the_canonical_form_is_its_own(slot: str, value: str | float) -> None:
    form = canonical(slot, value)
    assert canonical(slot, form) == form


@given(SLOTS, st.text())
def test_case_and_outer_space_never_matter(slot: str, text: str) -> None:
    assert canonical(slot, f"  {text}\t") == canonical(slot, text.casefold())
