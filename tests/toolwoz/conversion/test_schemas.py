"""Tables that hold, and tables that do not and say where."""

from __future__ import annotations

from dataclasses import replace

import pytest

from toolwoz.conversion.schemas import TableError, goal_table, scenario_table
from toolwoz.evaluation.runs.result import Result
from toolwoz.evaluation.table import result_table
from toolwoz.world.scenario import Goal, Scenario

GOALS = (
    Goal("search_hotel", "search_hotel", {"area": "north"}),
    Goal("book_hotel", "book_hotel", {"day": "monday"}, {"name": "acorn"}),
)
SCENARIO = Scenario("MUL1", "test", "v2", ("You need a hotel.",), GOALS)
RESULT = Result("MUL1", 0, ("search_hotel",), ("search_hotel",))


def test_tables_have_a_row_each() -> None:
    assert scenario_table([SCENARIO, replace(SCENARIO, id="MUL2")])["id"].tolist() == [
        "MUL1",
        "MUL2",
    ]
    assert goal_table([SCENARIO])["entity"].tolist() == ["", "name"]
    assert result_table([RESULT])["reward"].tolist() == [1.0]


def test_empty_tables_are_tables() -> None:
    assert len(scenario_table([])) == len(goal_table([])) == len(result_table([])) == 0


def test_an_unscored_result_has_no_reward() -> None:
    table = result_table([replace(RESULT, error="timeout")])
    assert table["reward"].isna().tolist() == [True]


BROKEN = {
    "a scenario twice": ([SCENARIO, SCENARIO], "MUL1: id: field_uniqueness"),
    "an unknown split": ([replace(SCENARIO, split="dev")], r"MUL1: split: isin.*'dev'"),
    "no goals": ([replace(SCENARIO, goals=())], "MUL1: goals: in_range"),
    "two modes": ([SCENARIO, replace(SCENARIO, id="x", mode="parity")], "scenarios of one mode"),
    "no instructions": ([replace(SCENARIO, instructions=())], "MUL1: instructions"),
}


@pytest.mark.parametrize(("scenarios", "message"), BROKEN.values(), ids=BROKEN)
def test_a_broken_scenario_is_named(scenarios: list[Scenario], message: str) -> None:
    with pytest.raises(TableError, match=message):
        scenario_table(scenarios)


def test_a_broken_goal_is_named() -> None:
    entity = replace(GOALS[0], entity={"name": "acorn"})
    with pytest.raises(TableError, match=r"MUL1: .*only bookings have an entity"):
        goal_table([replace(SCENARIO, goals=(entity,))])
    with pytest.raises(TableError, match=r"MUL1: tool: isin.*'fly'"):
        goal_table([replace(SCENARIO, goals=(replace(GOALS[0], tool="fly"),))])


def test_a_dialogue_counted_twice_is_named() -> None:
    with pytest.raises(TableError, match="MUL1"):
        result_table([RESULT, RESULT])


def test_many_broken_rows_are_not_all_listed() -> None:
    scenarios = [replace(SCENARIO, id=f"x{i}", instructions=()) for i in range(30)]
    with pytest.raises(TableError, match="and 20 more"):
        scenario_table(scenarios)
