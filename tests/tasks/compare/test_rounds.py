"""Every policy of every round stands against the base once, and the rounds say how they ended."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tasks.compare.rounds import by_policy, read_rounds, to_record
from tasks.evaluate.job import report as evaluated
from tasks.rounds.sequence import Round
from tests.helpers.outcomes import play
from toolwoz.evaluation.policy_run import read_policy_run

ROUNDS = {"r1": Round("base"), "r2": Round("r1"), "r3": Round("r2")}
STOPPED = {"stopped": {"round": "r2", "reason": "a loss"}}


def leave(evaluation: Path, round: str, wins: dict[str, int]) -> None:
    """What stage evaluate leaves of a round."""
    for name, won in wins.items():
        play(evaluation / round / "test" / name, won)
    arms = {"test": {name: read_policy_run(evaluation / round / "test" / name) for name in wins}}
    (evaluation / f"{round}.json").write_text(json.dumps(evaluated(arms)))


def leave_benchmarks(folder: Path, **scores: tuple[str, float]) -> None:
    """What stages baseline and benchmarks leave."""
    folder.mkdir()
    for round, (policy, score) in scores.items():
        quiz = {"score": {"value": score}, "unscored": 1, "items": 9}
        (folder / f"{round}.json").write_text(json.dumps({policy: {"quiz": quiz}}))


def gate(start: str, decision: str) -> dict[str, Any]:
    return {"start": start, "candidate": "kto", "decision": decision, "reason": "x", "gains": 1}


def test_rounds_are_one_comparison(tmp_path: Path) -> None:
    leave(tmp_path, "r1", {"base": 2, "kto": 6})
    leave(tmp_path, "r2", {"r1": 6, "kto": 5})
    (tmp_path / "r3.json").write_text(json.dumps(STOPPED))
    leave_benchmarks(tmp_path / "b", base=("base", 0.5), r1=("kto", 0.4), r2=("kto", 0.3))
    (tmp_path / "b" / "r3.json").write_text(json.dumps(STOPPED))
    played = read_rounds(tmp_path, tmp_path / "b", ROUNDS)
    assert list(played.arms["test"]) == list(played.figures) == ["base", "r1/kto", "r2/kto"]

    gates = {"r1": gate("base", "promoted"), "r2": gate("r1", "kept back"), "r3": STOPPED}
    record = to_record(played, gates)
    assert record["policy"] == "r1/kto"
    assert record["gate"]["candidate"] == "r2/kto"
    assert record["gate"]["decision"] == "kept back"
    assert record["rounds"]["r3"] == STOPPED
    assert "gains" not in record["rounds"]["r1"]
    found = by_policy(record)
    assert found["base"] == {
        "test.reward": 0.2,
        "test.success": 0.2,
        "test.unscored": 0,
        "quiz.score": 0.5,
        "quiz.unscored": 1,
    }
    assert [found[name]["quiz.score"] for name in ("r1/kto", "r2/kto")] == [0.4, 0.3]
    assert abs(found["r1/kto"]["test.reward_gain"] - 0.4) < 1e-9
    assert abs(found["r2/kto"]["test.reward_gain"] - 0.3) < 1e-9  # against the base, too


def test_without_an_accepted_policy_the_base_stands(tmp_path: Path) -> None:
    leave(tmp_path, "r1", {"base": 2, "kto": 2})
    leave_benchmarks(tmp_path / "b")
    for name, policy in (("base", "base"), ("r1", "kto")):  # none were run
        (tmp_path / "b" / f"{name}.json").write_text(json.dumps({policy: {}}))
    played = read_rounds(tmp_path, tmp_path / "b", {"r1": Round("base")})
    record = to_record(played, {"r1": gate("base", "kept back")})
    assert record["policy"] == "base"
    assert record["benchmarks"] == {}
