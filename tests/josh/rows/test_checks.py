"""Rows that break a rule are refused by its name."""

from __future__ import annotations

import pandera.errors
import pytest

from josh.rows.checks import check_rows
from josh.rows.extractors import Row
from tests.helpers.fakes import call, say

GOOD = {
    "prompt": [{"role": "user", "content": "hi"}],
    "completion": [say("ho")],
    "label": True,
    "tools": "[]",
    "scenario": "s",
    "node": 0,
}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"prompt": []}, "a chat that waits for the assistant"),
        ({"prompt": [say("ho")]}, "a chat that waits for the assistant"),
        ({"completion": [say("ho"), say("hum")]}, "one assistant message that is not empty"),
        ({"completion": [say("")]}, "one assistant message that is not empty"),
        ({"completion": [{"role": "tool", "content": "x"}]}, "one assistant message"),
        ({"tools": "{"}, "a JSON list of tools"),
        ({"label": "yes"}, "label"),
        ({"node": -1}, "greater_than_or_equal_to"),
        ({"colour": "red"}, "column_in_schema"),
    ],
)
def test_a_row_that_breaks_a_rule_is_refused(change: Row, says: str) -> None:
    check_rows([GOOD])
    with pytest.raises(pandera.errors.SchemaErrors, match=says):
        check_rows([GOOD, {**GOOD, **change}])


def test_a_pair_of_equals_is_refused() -> None:
    pair = {key: GOOD[key] for key in ("prompt", "tools", "scenario", "node")}
    check_rows([{**pair, "chosen": [call("a")], "rejected": [call("b")], "rejected_node": 1}])
    with pytest.raises(pandera.errors.SchemaErrors, match="chosen differs from rejected"):
        check_rows([{**pair, "chosen": [call("a")], "rejected": [call("a")], "rejected_node": 1}])
