"""The command line, run as a person runs it: in a folder of its own, from fetch to report."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.chat_server import said, serving
from tests.helpers.http_server import Reply
from toolwoz.cli.main import COMMANDS, main
from toolwoz.world.scenario import read_scenarios

SCENARIO = "TEST000001"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder with a converted synthetic corpus."""
    folder = tmp_path_factory.mktemp("cli")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(["fetch", "--train", "3", "--val", "3", "--test", "12"]) == 0
        assert main(["convert"]) == 0
        assert main(["convert", "--mode", "parity"]) == 0
    return folder


@pytest.fixture(autouse=True)
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(folder)
    return folder


def evaluate(out: Path, *options: str) -> int:
    return main(["evaluate", "--out", str(out), "--concurrency", "4", *options])


def metrics(out: Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((out / "metrics.json").read_text())
    return record


def test_convert_says_what_it_made(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["convert", "--out", "again"]) == 0
    said_ = capsys.readouterr().out
    assert "test      12 scenarios" in said_
    assert (here / "again" / "tools.json").read_text() == (
        here / "data" / "toolwoz" / "tools.json"
    ).read_text()


def test_show_has_the_goal_the_calls_and_the_human_dialogue(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["show", SCENARIO.lower()]) == 0
    shown = capsys.readouterr().out
    scenario = next(
        s for s in read_scenarios(here / "data/toolwoz/scenarios.jsonl") if s.id == SCENARIO
    )
    flat = " ".join(shown.split())
    for expected in (*scenario.instructions, *scenario.human, *(g.tool for g in scenario.goals)):
        assert expected in flat


@pytest.mark.parametrize("mode", ["v2", "parity"])
def test_an_expert_is_evaluated_and_reported(tmp_path: Path, mode: str) -> None:
    assert evaluate(tmp_path, "--policy", "expert", "--mode", mode) == 0
    assert metrics(tmp_path)["metrics"]["dialogues"] == 12
    assert metrics(tmp_path)["configuration"]["mode"] == mode
    names = {"results.jsonl", "metrics.json", "scenarios.jsonl", "report.html"}
    assert {path.name for path in tmp_path.iterdir()} == names


def test_the_oracle_wins_all_of_v2(tmp_path: Path) -> None:
    assert evaluate(tmp_path, "--policy", "oracle") == 0
    found = metrics(tmp_path)["metrics"]
    assert (found["reward"]["value"], found["success"]["value"]) == (1.0, 1.0)


def test_two_runs_are_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    noisy, oracle, out = tmp_path / "noisy", tmp_path / "oracle", tmp_path / "both.html"
    assert evaluate(noisy, "--policy", "noisy", "--noise", "0.5", "--trials", "2") == 0
    assert evaluate(oracle, "--policy", "oracle", "--limit", "8") == 0
    capsys.readouterr()
    assert main(["report", str(noisy), str(oracle), "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "noisy: 24 dialogues of 12 scenarios, 0 unscored" in printed
    assert "oracle against noisy: 8 pairs; left out: 16 unpaired, 0 unscored" in printed
    assert "smallest detectable 0." in printed
    assert "McNemar, exact  p = " in printed
    assert "k = 2" in printed
    assert "Comparison with noisy" in out.read_text()


def test_more_scenarios_and_trials_continue_a_run(tmp_path: Path) -> None:
    assert evaluate(tmp_path, "--policy", "expert", "--limit", "3") == 0
    first = (tmp_path / "results.jsonl").read_text()
    assert evaluate(tmp_path, "--policy", "expert", "--trials", "2") == 0
    both = (tmp_path / "results.jsonl").read_text()  # in order: the trials of a scenario together
    assert set(first.splitlines()) < set(both.splitlines())
    assert metrics(tmp_path)["metrics"]["dialogues"] == 24
    assert len(list(read_scenarios(tmp_path / "scenarios.jsonl"))) == 12


CALL = '{"name": "search_hotel", "arguments": {"area": "north"}}'
NATIVE = {
    "id": "random",
    "type": "function",
    "function": {"name": "search_hotel", "arguments": '{"area": "north"}'},
}
ANSWERS = {
    "function_calling": said("", tool_calls=[NATIVE]),
    "hermes": said(f"<tool_call>{CALL}</tool_call>"),
    "react": said(f"PLAN: Look.\nAPICALL: {CALL}"),
}


@pytest.mark.parametrize("agent", ANSWERS)
def test_an_endpoint_is_evaluated_in_every_format(tmp_path: Path, agent: str) -> None:
    key = tmp_path / "key"
    key.write_text("sk-secret\n")
    out = tmp_path / "run"
    with serving(Reply(ANSWERS[agent])) as server:
        options = ["--model", "m", "--agent", agent, "--api-key-file", str(key), "--limit", "2"]
        assert evaluate(out, "--policy", server.url, *options) == 0
    record = metrics(out)
    assert record["metrics"]["calls"] > 1
    assert record["metrics"]["prompt_tokens"] > 0
    assert record["configuration"]["policy"] == "m"
    assert set(server.authorization) == {"Bearer sk-secret"}
    written = "".join(path.read_text() for path in out.iterdir())
    assert "sk-secret" not in written
    assert server.url not in written


def test_a_model_plays_the_user(tmp_path: Path) -> None:
    with serving(Reply(said("I need a hotel.")), Reply(said("END_CONVERSATION"))) as server:
        options = ["--user", "goal", "--user-url", server.url, "--user-model", "u", "--limit", "1"]
        assert evaluate(tmp_path, "--policy", "expert", *options) == 0
    assert metrics(tmp_path)["configuration"]["user_model"] == "u"
    assert len(server.requests) == 2


def test_an_engine_that_fails_everything_is_an_error_and_no_zero(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(Reply("no such model", 404)) as server:
        assert evaluate(tmp_path, "--policy", server.url, "--model", "m", "--limit", "2") == 1
    assert ": 404 Not Found: " in capsys.readouterr().err
    found = metrics(tmp_path)["metrics"]
    assert (found["unscored"], found["dialogues"], found["reward"]["value"]) == (2, 0, None)


def test_a_person_plays(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = ["/help", "", "/search_hotel area=north, stars=4", '/search_hotel {"area": 1}', "Hello"]
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(typed)))
    assert main(["play", SCENARIO]) == 0
    screen = capsys.readouterr().out
    assert "/book_hotel stay, day, people, name" in screen
    assert '⚙ search_hotel {"area": "north", "stars": "4"}' in screen
    assert '→ {"count": ' in screen
    assert '→ {"error": ' in screen
    assert screen.count("  user  ") == 2
    assert "goal calls" in screen


def test_an_expert_is_watched(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["play", SCENARIO, "--policy", "expert"]) == 0
    assert "reward 1.00" in capsys.readouterr().out


ERRORS = {
    "no corpus": (["convert", "nowhere"], "nowhere"),
    "unknown source": (["fetch", "multiwoz9"], "no source 'multiwoz9'"),
    "no mirror": (["fetch", "--mirror", "nowhere"], "no mirror folder nowhere"),
    "no data": (["show", "X", "--data", "nowhere"], "run `python -m toolwoz convert` first"),
    "other mode": (["show", "X", "--data", "data/toolwoz", "--mode", "parity"], "is of mode v2"),
    "no scenario": (["show", "X"], "no scenario 'X'; it has TEST000000"),
    "no policy": (["evaluate", "--policy", "best", "--out", "x"], "no policy 'best'"),
    "no model": (["evaluate", "--policy", "http://h/v1", "--out", "x"], "needs --model"),
    "no key": (
        ["evaluate", "--policy", "http://h/v1", "--model", "m", "--out", "x",
         "--api-key-file", "nowhere"],
        "nowhere",
    ),
    "no user": (
        ["evaluate", "--policy", "expert", "--out", "x", "--user", "goal"],
        "needs --user-url",
    ),
    "noise": (["evaluate", "--policy", "noisy", "--noise", "2", "--out", "x"], "between 0 and 1"),
    "no trials": (["evaluate", "--policy", "oracle", "--out", "x", "--trials", "0"], "--trials"),
    "450 of val": (
        ["evaluate", "--policy", "oracle", "--out", "x", "--split", "val", "--test-450"],
        "about the test split",
    ),
    "no results": (["report", "nowhere"], "python -m toolwoz evaluate"),
    "same run": (["report", "x", "x"], "the same folder twice"),
}  # fmt: skip


@pytest.mark.parametrize(("command", "message"), ERRORS.values(), ids=ERRORS)
def test_a_users_error_is_one_clear_line(
    capsys: pytest.CaptureFixture[str], command: list[str], message: str
) -> None:
    assert main(command) == 1
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert error.startswith(f"toolwoz {command[0]}: ")


def test_a_mirror_is_also_named_by_the_environment(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TOOLWOZ_MIRROR", "nowhere")
    assert main(["fetch"]) == 1
    assert "no mirror folder nowhere" in capsys.readouterr().err


def test_another_policy_never_continues_a_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate(tmp_path, "--policy", "expert", "--limit", "1") == 0
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert evaluate(tmp_path, "--policy", "oracle", "--limit", "2") == 1
    assert "policy was 'expert', is 'oracle'" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_an_interrupted_command_says_so() -> None:
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "toolwoz", "play", SCENARIO],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        # a shell has what it starts in the background ignore Ctrl-C
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline().strip().startswith("user")
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=30)
    assert process.returncode == 130
    assert error.strip() == "stopped; the same command continues what can be continued"


def test_a_reader_that_leaves_early_is_no_error() -> None:
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "toolwoz", "show", SCENARIO],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == b""


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main([command, "--help"])
    assert exit_.value.code == 0
    assert f"toolwoz {command}" in capsys.readouterr().out
