"""Extracted sets become fine-tuning files, and what a service would refuse is found before."""

from __future__ import annotations

import copy
import json
from importlib.util import find_spec

import pytest

from flows.tools.finetune.__main__ import main
from flows.tools.finetune.checks import faults
from flows.tools.finetune.lines import FrontierError, lines
from flows.tools.finetune.tokens import PER_MESSAGE, Tokens, count, counter
from tests.helpers.recording import RECORDING, play

TOOL = {"name": "search_hotel", "parameters": {"type": "object", "properties": {"area": {}}}}
TOOLS = [{"type": "function", "function": TOOL}]
FUNCTION = {"name": "search_hotel", "arguments": '{"area": "north"}'}
CALL = {"id": "call_1", "type": "function", "function": FUNCTION}
USER = {"role": "user", "content": "a hotel in the north"}
CALLS = {"role": "assistant", "content": "", "tool_calls": [CALL]}
FOUND = {"role": "tool", "tool_call_id": "call_1", "name": "search_hotel", "content": "{}"}
SPEAKS = {"role": "assistant", "content": "there is one"}
DIALOGUE = {"messages": [USER, CALLS, FOUND, SPEAKS], "tools": json.dumps(TOOLS)}
ANSWER = {
    "prompt": [USER, CALLS, FOUND],
    "completion": [SPEAKS],
    "tools": json.dumps(TOOLS),
    "scenario": "s1",
}
PAIR = {"prompt": [USER], "chosen": [CALLS], "rejected": [SPEAKS], "tools": json.dumps(TOOLS)}


def test_a_dialogue_is_a_line_of_the_chat_format():
    [line] = lines([DIALOGUE])
    called = {"role": "assistant", "tool_calls": [{**CALL, "id": "call_1_0"}]}
    found = {"role": "tool", "tool_call_id": "call_1_0", "content": "{}"}
    assert line == {"messages": [USER, called, found, SPEAKS], "tools": TOOLS}


def test_every_call_has_an_id_of_its_own_though_the_harvest_numbers_them_anew():
    [line] = lines([{**DIALOGUE, "messages": [USER, CALLS, FOUND, CALLS, FOUND, SPEAKS]}])
    called = [call["id"] for m in line["messages"] for call in m.get("tool_calls") or ()]
    answered = [m["tool_call_id"] for m in line["messages"] if m["role"] == "tool"]
    assert called == answered == ["call_1_0", "call_3_0"]
    assert faults([line] * 10, 1000) == []


def test_of_a_single_answer_only_the_answer_is_trained():
    [line] = lines([ANSWER])
    weights = [m.get("weight") for m in line["messages"] if m["role"] == "assistant"]
    assert weights == [0, None]


def test_a_pair_is_a_line_of_the_preference_format():
    [line] = lines([PAIR])
    assert line == {
        "input": {"messages": [USER], "tools": TOOLS},
        "preferred_output": [{"role": "assistant", "tool_calls": [{**CALL, "id": "call_1_0"}]}],
        "non_preferred_output": [SPEAKS],
    }


def test_rows_of_kto_have_no_format():
    with pytest.raises(FrontierError, match="row 2: services train on pairs"):
        list(lines([ANSWER, {**ANSWER, "label": True}]))


@pytest.mark.parametrize("row", [DIALOGUE, ANSWER, PAIR])
def test_good_lines_are_taken(row):
    assert faults(list(lines([row] * 10)), 1000) == []


def changed(row, change):
    [line] = lines([row])
    line = copy.deepcopy(line)
    change(line)
    return faults([line] * 10, 1000)


@pytest.mark.parametrize(
    ("row", "change", "fault"),
    [
        (DIALOGUE, lambda at: at["messages"].pop(), "its last message is not the assistant's"),
        (DIALOGUE, lambda at: at["messages"].pop(2), "message 3: the call call_1_0 before it has"),
        (DIALOGUE, lambda at: at["messages"].pop(1), "message 2: it answers a call that was not"),
        (DIALOGUE, lambda at: at["messages"][0].update(role="bot"), "its role is 'bot'; one of"),
        (DIALOGUE, lambda at: at["messages"][0].update(content=""), "neither content nor tool"),
        (DIALOGUE, lambda at: at["messages"][3].update(weight=2), "its weight is 2; only 0 and 1"),
        (DIALOGUE, lambda at: at["tools"].clear(), "it calls 'search_hotel', which is none of"),
        (DIALOGUE, lambda at: at["tools"].append(TOOLS[0]), "two of its tools have one name"),
        (ANSWER, lambda at: at["messages"][-1].update(weight=0), "nothing would be trained"),
        (PAIR, lambda at: at["input"]["messages"].append(SPEAKS), "its input does not end with"),
        (PAIR, lambda at: at["preferred_output"].append(SPEAKS), "its preferred_output is not one"),
        (PAIR, lambda at: at.update(preferred_output=[SPEAKS]), "both of its outputs are the same"),
    ],
)
def test_what_a_service_would_refuse_is_said_with_its_line(row, change, fault):
    found = changed(row, change)
    assert any(one.startswith("line 1: ") and fault in one for one in found), found


@pytest.mark.parametrize("arguments", ["{area: north}", '["north"]', {"area": "north"}])
def test_arguments_that_are_no_json_object(arguments):
    call = {**CALL, "function": {**FUNCTION, "arguments": arguments}}
    row = {**PAIR, "chosen": [{**CALLS, "tool_calls": [call]}]}
    assert any("no JSON object" in one for one in faults(list(lines([row] * 10)), 1000))


def test_a_file_has_ten_examples_of_one_format_and_a_size_that_is_taken():
    few = faults(list(lines([DIALOGUE] * 9)), 1000)
    assert few == ["it has 9 examples, and at least 10 are needed"]
    mixed = faults(list(lines([DIALOGUE, PAIR] * 5)), 1000)
    assert mixed == ["it mixes the chat format with the preference format"]
    [large] = faults(list(lines([DIALOGUE] * 10)), 2**30)
    assert large.startswith("it has 1024 MiB")


def words(text):
    return len(text.split())


def test_tokens_are_those_of_every_text():
    [line] = lines([PAIR])
    tools = words(json.dumps(TOOLS, separators=(",", ":")))
    user, called, spoken = 5, 1 + words(FUNCTION["arguments"]), 3
    chosen = tools + user + called + 2 * PER_MESSAGE
    rejected = tools + user + spoken + 2 * PER_MESSAGE
    counted = count([line], words)
    assert counted == Tokens(total=chosen + rejected, longest=max(chosen, rejected))
    assert Tokens(2_000_000, 9).cost(epochs=3, price=25.0) == 150.0


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def test_the_command_writes_a_file_that_it_finds_good(tmp_path, capsys):
    out = tmp_path / "new" / "out.jsonl"
    options = ["--encoding", ""]
    rows = write(tmp_path / "sft.jsonl", [DIALOGUE] * 10)
    assert main(["export", rows, "--out", str(out), *options]) == 0
    assert main(["check", str(out), *options]) == 0
    assert "10 examples, nothing wrong with them" in capsys.readouterr().out


def test_the_command_writes_no_file_that_would_be_refused(tmp_path, capsys):
    out = tmp_path / "out.jsonl"
    rows = write(tmp_path / "sft.jsonl", [DIALOGUE] * 9)
    assert main(["export", rows, "--out", str(out), "--encoding", ""]) == 1
    assert not out.exists()
    assert "it has 9 examples" in capsys.readouterr().err
    out.write_text("{\n")
    assert main(["check", str(out)]) == 1
    assert "out.jsonl, line 1: no JSON" in capsys.readouterr().err


def test_sets_of_a_real_harvest_are_taken(tmp_path):
    play(tmp_path, RECORDING)
    for name in ("sft", "dpo"):
        rows = [json.loads(text) for text in (tmp_path / "datasets" / f"{name}.jsonl").open()]
        made = list(lines(rows * (1 + 10 // len(rows))))
        assert faults(made, 1000) == []


@pytest.mark.skipif(find_spec("bpe_openai") is None, reason="needs the extra frontier")
def test_the_count_is_that_of_openais_vocabulary(tmp_path, capsys):
    """The examples are those of OpenAI's own guide to counting tokens."""
    o200k, cl100k = counter("o200k_base"), counter("cl100k_base")
    for text, new, old in (
        ("antidisestablishmentarianism", 6, 6),
        ("2 + 2 = 4", 7, 7),
        ("お誕生日おめでとう", 8, 9),
    ):
        assert (o200k(text), cl100k(text)) == (new, old)
    with pytest.raises(FrontierError, match="there is no encoding 'p0k'"):
        counter("p0k")
    rows = write(tmp_path / "dpo.jsonl", [PAIR] * 10)
    options = ["--out", str(tmp_path / "out.jsonl"), "--epochs", "2", "--price", "1000"]
    assert main(["export", rows, *options]) == 0
    assert "2 epochs at 1000 a million tokens: about" in capsys.readouterr().out
    assert main(["check", str(tmp_path / "out.jsonl"), "--max-tokens", "40"]) == 1
    assert "services cut it at 40" in capsys.readouterr().err


@pytest.mark.skipif(find_spec("tiktoken") is None, reason="needs tiktoken")
def test_a_vocabulary_that_cannot_be_downloaded_is_said_with_the_way_out(monkeypatch, tmp_path):
    monkeypatch.setattr("flows.tools.finetune.tokens.find_spec", lambda name: name == "tiktoken")
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # where nothing listens
    with pytest.raises(FrontierError, match=r"could not download .*toolwoz-josh\[frontier\]"):
        counter("o200k_base")
