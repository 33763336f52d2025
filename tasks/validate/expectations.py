"""Expectations of a raw corpus: critical ones, and ones whose failure is a warning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dialogue.protocols import Tool
from toolwoz.world.domains import DOMAINS

CLOCK = r"[0-2]\d:[0-5]\d"

Expectations = dict[str, list[Any]]
"""Name of a table of ``CorpusTables`` -> its expectations, objects of Great Expectations."""


def expectations(tools: Sequence[Tool]) -> Expectations:
    """The suites. A failed critical expectation stops the pipeline, a failed warning does not.

    Args:
        tools: Tools whose parameters are the slots that a goal may have.
    """
    return {"dialogues": _dialogues(), "slots": _slots(tools), "entities": _entities()}


def _dialogues() -> list[Any]:
    from great_expectations import expectations as gx

    return [
        gx.ExpectColumnValuesToBeUnique(column="id"),
        gx.ExpectColumnValuesToMatchRegex(column="id", regex=r"^\S+$"),
        gx.ExpectColumnDistinctValuesToEqualSet(column="split", value_set=["train", "val", "test"]),
        # A goal of other domains alone (police, taxi, hospital) is no ToolWOZ scenario.
        gx.ExpectColumnValuesToBeBetween(column="domains", min_value=1, mostly=0.5),
        gx.ExpectColumnValuesToBeBetween(column="sentences", min_value=1, mostly=0.99),
        gx.ExpectColumnValuesToBeInSet(column="broken_turns", value_set=[0], severity="warning"),
        gx.ExpectColumnValuesToBeInSet(column="booked_unknown", value_set=[0], mostly=0.95),
    ]


def _slots(tools: Sequence[Tool]) -> list[Any]:
    from great_expectations import expectations as gx

    known = sorted(
        {
            f"{tool['function']['name'].partition('_')[2]}.{slot}"
            for tool in tools
            for slot in tool["function"]["parameters"]["properties"]
        }
    )
    return [
        gx.ExpectColumnValuesToBeInSet(column="slot", value_set=known),
        gx.ExpectColumnValuesToMatchRegex(column="time", regex=f"^{CLOCK}$", mostly=0.99),
        gx.ExpectColumnValuesToBeInSet(column="in_database", value_set=[True], mostly=0.9),
        gx.ExpectColumnValuesToBeInSet(column="in_database", value_set=[True], severity="warning"),
    ]


def _entities() -> list[Any]:
    from great_expectations import expectations as gx

    return [
        gx.ExpectColumnDistinctValuesToEqualSet(column="domain", value_set=list(DOMAINS)),
        gx.ExpectColumnValuesToNotBeNull(column="key"),
        gx.ExpectCompoundColumnsToBeUnique(column_list=["domain", "identity"]),
        gx.ExpectColumnValuesToMatchRegex(column="times", regex=f"^{CLOCK} {CLOCK}$"),
    ]
