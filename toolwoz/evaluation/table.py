"""The table of results and its schema."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd
import pandera.pandas as pa

from toolwoz.conversion.schemas import COUNT, checked
from toolwoz.evaluation.runs.result import Result

RESULTS = pa.DataFrameSchema(
    {
        "scenario": pa.Column(str),
        "trial": pa.Column(int, COUNT),
        "reward": pa.Column(float, pa.Check.in_range(0, 1), nullable=True),
        "error": pa.Column(str),
        "truncated": pa.Column(bool),
        "goals": pa.Column(int, pa.Check.ge(1)),
        "turns": pa.Column(int, COUNT),
        "calls": pa.Column(int, COUNT),
        "prompt_tokens": pa.Column(int, COUNT),
        "completion_tokens": pa.Column(int, COUNT),
    },
    checks=pa.Check(
        lambda table: table["reward"].isna() == (table["error"] != ""),
        error="no reward if and only if there was an error",
    ),
    unique=["scenario", "trial"],
    strict=True,
    name="results",
)
"""One row per dialogue."""


def result_table(results: Iterable[Result]) -> pd.DataFrame:
    """The results as a table.

    Raises:
        TableError: the results break the schema.
    """
    rows = [
        {
            "scenario": result.scenario,
            "trial": result.trial,
            "reward": result.reward if result.scored else float("nan"),
            "error": result.error or "",
            "truncated": result.truncated,
            "goals": len(result.goals),
            "turns": result.turns,
            "calls": result.calls,
            "prompt_tokens": result.prompt_tokens,
            "completion_tokens": result.completion_tokens,
        }
        for result in results
    ]
    return checked(RESULTS, rows)
