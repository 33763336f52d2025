"""A drill can be done by copying, and by nothing else."""

from __future__ import annotations

import json

from tasks.drills import drills

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "search_hotel",
            "parameters": {
                "properties": {"area": {"enum": ["north", "south"]}, "name": {}, "stars": {}}
            },
        },
    },
    {
        "type": "function",
        "function": {"name": "book_train", "parameters": {"properties": {"trainID": {}}}},
    },
]


def test_every_value_of_a_call_was_told_just_before():
    rows = list(drills(TOOLS, count=50, exchanges=3, seed=1))
    assert len(rows) == 50
    for row in rows:
        assert [message["role"] for message in row] == ["user", "assistant"] * 3
        for request, answer in zip(row[::2], row[1::2], strict=True):
            [call] = answer["tool_calls"]
            arguments = json.loads(call["function"]["arguments"])
            assert arguments
            for slot, value in arguments.items():
                assert f"{slot} {value}" in request["content"]


def test_arguments_stand_in_the_order_of_the_schema():
    order = list(TOOLS[0]["function"]["parameters"]["properties"])
    for row in drills(TOOLS[:1], count=20, exchanges=1, seed=2):
        named = list(json.loads(row[1]["tool_calls"][0]["function"]["arguments"]))
        assert named == sorted(named, key=order.index)


def test_the_seed_decides():
    def first(seed):
        return list(drills(TOOLS, count=3, exchanges=2, seed=seed))

    assert first(1) == first(1)
    assert first(1) != first(2)
