"""Schemas of the tables of scenarios and goals."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd
import pandera.pandas as pa
from pandera.errors import SchemaErrors

from toolwoz.world.domains import DOMAINS, ENTITY_KEY
from toolwoz.world.scenario import Goal, Scenario

TOOLS = [f"{kind}_{domain}" for domain in DOMAINS for kind in ("search", "book")]
_SHOWN = 10


class TableError(ValueError):
    """A table breaks its schema; the message names the rows."""


COUNT = pa.Check.ge(0)
SCENARIOS = pa.DataFrameSchema(
    {
        "id": pa.Column(str, pa.Check.str_matches(r"^\S+$"), unique=True),
        "split": pa.Column(str, pa.Check.isin(["train", "val", "test"])),
        "mode": pa.Column(str, pa.Check.isin(["parity", "v2"])),
        "goals": pa.Column(int, pa.Check.in_range(1, len(TOOLS))),
        "instructions": pa.Column(int, pa.Check.ge(1)),
        "human": pa.Column(int, COUNT),
    },
    checks=pa.Check(lambda table: table["mode"].nunique() <= 1, error="scenarios of one mode"),
    strict=True,
    name="scenarios",
)
"""One row per scenario; goals, instructions and human are counts."""

GOALS = pa.DataFrameSchema(
    {
        "scenario": pa.Column(str),
        "goal": pa.Column(str),
        "tool": pa.Column(str, pa.Check.isin(TOOLS)),
        "arguments": pa.Column(int, COUNT),
        "entity": pa.Column(str, pa.Check.isin(["", *ENTITY_KEY.values()])),
        "first_try": pa.Column(int, COUNT),
    },
    checks=pa.Check(
        lambda table: table["tool"].str.startswith("book_") | (table["entity"] == ""),
        error="only bookings have an entity",
    ),
    unique=["scenario", "goal"],
    strict=True,
    name="goals",
)
"""One row per goal; arguments and first_try are numbers of slots, entity is its key."""


def scenario_table(scenarios: Iterable[Scenario]) -> pd.DataFrame:
    """The scenarios as a table.

    Raises:
        TableError: the rows break the schema.
    """
    rows = [
        {
            "id": scenario.id,
            "split": scenario.split,
            "mode": scenario.mode,
            "goals": len(scenario.goals),
            "instructions": len(scenario.instructions),
            "human": len(scenario.human),
        }
        for scenario in scenarios
    ]
    return checked(SCENARIOS, rows)


def goal_table(scenarios: Iterable[Scenario]) -> pd.DataFrame:
    """The goals of the scenarios as a table.

    Raises:
        TableError: the rows break the schema.
    """
    rows = [_goal_row(scenario.id, goal) for scenario in scenarios for goal in scenario.goals]
    return checked(GOALS, rows)


def _goal_row(scenario: str, goal: Goal) -> dict[str, Any]:
    return {
        "scenario": scenario,
        "goal": goal.id,
        "tool": goal.tool,
        "arguments": len(goal.arguments),
        "entity": next(iter(goal.entity), ""),
        "first_try": len(goal.first_try),
    }


def checked(schema: pa.DataFrameSchema, rows: list[dict[str, Any]]) -> pd.DataFrame:
    """The rows as a table of a schema.

    Raises:
        TableError: the rows break the schema.
    """
    table = pd.DataFrame(rows, columns=list(schema.columns))
    if table.empty:  # without rows, no column has a type
        return schema.coerce_dtype(table)
    try:
        return schema.validate(table, lazy=True)
    except SchemaErrors as error:
        raise TableError(_explain(str(schema.name), table, error.failure_cases)) from error


def _explain(name: str, table: pd.DataFrame, failures: pd.DataFrame) -> str:
    """One line per failed check and row; the first column names the row."""
    lines = [f"the table of {name} breaks its schema:"]
    for failure in failures.head(_SHOWN).to_dict("records"):
        row = "the table" if pd.isna(failure["index"]) else str(table.iat[int(failure["index"]), 0])
        lines.append(
            f"  {row}: {failure['column']}: {failure['check']} ({failure['failure_case']!r})"
        )
    more = len(failures) - _SHOWN
    return "\n".join([*lines, *([f"  and {more} more"] if more > 0 else [])])
