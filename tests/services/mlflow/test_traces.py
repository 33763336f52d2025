"""A dialogue of an evaluation can be read turn by turn in MLflow."""

from __future__ import annotations

import pytest

from josh.tree.node import Node
from josh.tree.tree import Tree
from services.mlflow import store as mlflow_store
from services.mlflow import tracking
from services.mlflow.traces import trace_dialogues
from tasks.harvest.traces import trace_trees
from toolwoz.evaluation.runs.result import Result

pytestmark = pytest.mark.timeout(600)

CALL = {
    "id": "c1",
    "type": "function",
    "function": {"name": "search_hotel", "arguments": '{"area": "north"}'},
}
MESSAGES = (
    {"role": "user", "content": "a hotel in the north"},
    {"role": "assistant", "content": "", "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "c1", "name": "search_hotel", "content": '{"results": []}'},
    {"role": "assistant", "content": "there is none"},
)


@pytest.mark.slow
@pytest.mark.usefixtures("mlflow_root")
def test_a_trace_holds_the_turns_the_calls_and_the_reward() -> None:
    import mlflow

    played = Result("s1", 0, ("g1", "g2"), ("g1",), MESSAGES)
    lost = Result("s2", 0, ("g1",), (), MESSAGES[:1], error="ConnectionError: gone")
    with tracking.stage_run("evaluate", {}) as run_id:
        trace_dialogues([played, lost, played], "base", "test", most=2)
    experiment = mlflow_store.connect()
    traces = mlflow.search_traces(locations=[experiment], return_type="list")
    by_scenario = {trace.info.tags["scenario"]: trace for trace in traces}
    assert sorted(by_scenario) == ["s1", "s2"]
    trace = by_scenario["s1"]
    (root, *turns) = trace.data.spans
    assert [span.name for span in turns] == ["user", "search_hotel", "agent"]
    assert turns[1].inputs == {"area": "north"}
    assert "results" in str(turns[1].outputs)
    assert root.outputs["earned"] == ["g1"]
    assert trace.info.trace_metadata["mlflow.sourceRun"] == run_id
    (reward,) = trace.info.assessments
    assert (reward.name, reward.feedback.value) == ("reward", 0.5)
    assert by_scenario["s2"].info.assessments == []  # a failure is no reward of 0
    assert by_scenario["s2"].data.spans[0].status.status_code == "ERROR"


@pytest.mark.usefixtures("mlflow_root")
def test_the_golden_path_of_a_tree_is_a_trace_without_its_losing_branch() -> None:
    import mlflow

    opening, *turn = MESSAGES
    lost = Node(None, ({"role": "assistant", "content": "I cannot help"},))
    won = Node(None, tuple(turn), frozenset({"g1"}))
    tree = Tree("s1", frozenset({"g1", "g2"}), (), (opening,), (lost, won), golden_leaf=1)
    barren = Tree("s0", frozenset({"g1"}), (), (opening,), (lost,))
    with tracking.stage_run("harvest", {}):
        trace_trees([barren, tree], "josh", "train", most=1)
    (trace,) = mlflow.search_traces(locations=[mlflow_store.connect()], return_type="list")
    wanted = {"scenario": "s1", "policy": "harvest/josh", "split": "train"}
    assert wanted.items() <= trace.info.tags.items()
    (root, *turns) = trace.data.spans
    assert [span.name for span in turns] == ["user", "search_hotel", "agent"]
    assert root.outputs["earned"] == ["g1"]
    assert trace.info.assessments[0].feedback.value == 0.5
