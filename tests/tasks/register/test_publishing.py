"""A trained LoRA, fetched from the registry, answers alike in every library, in new processes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from services.engines import EngineConfig
from services.engines.server import command, running, wait_until_healthy
from services.engines.vllm_settings import environment
from services.mlflow import tracking
from tasks.bootstrap.embedded import build_model, build_tokenizer
from tasks.register.job import RegisterConfig, register_policy
from tasks.register.packing import EXAMPLE
from tasks.train.job import Arm, Holdout, TrainConfig, train_arm
from tests.helpers import tiny
from tests.helpers.http_server import free_port
from tests.helpers.tiny import TINY

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

TOOL = {
    "name": "search_hotel",
    "parameters": {"type": "object", "properties": {"area": {"type": "string"}}},
}
TOOLS = [{"type": "function", "function": TOOL}]
ASKED = [{"role": "user", "content": "cheap hotel north please"}]
CALL = {"name": "search_hotel", "arguments": '{"area": "north"}'}
ANSWER = {"role": "assistant", "tool_calls": [{"id": "0", "type": "function", "function": CALL}]}
WRITTEN = '<tool_call>{"name": "search_hotel", "arguments": {"area": "north"}}</tool_call>'
TRL = {
    **tiny.TRL,
    "assistant_only_loss": True,
    "per_device_train_batch_size": 8,
    "num_train_epochs": 300,
    "learning_rate": 2e-3,
}
LORA = {"r": 16, "lora_alpha": 32, "target_modules": "all-linear"}


@dataclass(frozen=True)
class Published:
    """Where MLflow is, and a copy of the version, on a machine that has nothing else."""

    tracking_uri: str
    model: Path


@pytest.fixture(scope="module")
def published(migrated_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Published:
    """Train a LoRA to make one call, register it, fetch it, and delete what it was made from."""
    root = tmp_path_factory.mktemp("published")
    uri = f"sqlite:///{shutil.copy(migrated_store, root / 'mlflow.db')}"
    # Of words it knows whole, as the embedded policy's does: libraries that decode token by token
    # would keep the space it puts behind a quote, were it a token of its own.
    tokenizer = build_tokenizer([WRITTEN, *(one["content"] for one in ASKED)] * 50, TINY)
    for part in (tokenizer, build_model(TINY, tokenizer, seed=0)):
        part.save_pretrained(root / "arms" / "r1" / "start")
    row = {"messages": [*ASKED, ANSWER], "tools": json.dumps(TOOLS), "scenario": "s", "node": 0}
    (root / "sft.jsonl").write_text(8 * (json.dumps(row) + "\n"))
    arm = Arm(method="sft", dataset="sft", trl=TRL, lora=LORA)
    config = TrainConfig(0, Holdout(0.0, 1, 0.0), 0.0, "", {"arm": arm})
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.setenv("MLFLOW_TRACKING_URI", uri)
        train_arm(config, "arm", Path("arms/r1"), Path(), work=Path("work"))
        with tracking.stage_run("register", {}):
            register_policy(
                RegisterConfig("josh-policy"),
                "r1/arm",
                Path("arms/r1/trained/arm"),
                {},
                promote=True,
                reason="measured",
                card="---\nlicense: mit\n---\n# arm",
                on_hub={},
            )
        command = ["mlflow", "artifacts", "download", "--dst-path", "policy"]
        command += ["--artifact-uri", "models:/josh-policy@champion"]
        subprocess.run([sys.executable, "-m", *command], check=True, capture_output=True)
    shutil.rmtree(root / "arms")
    return Published(uri, root / "policy" / "model")


def said(published: Published, script: str) -> str:
    """The last line that a new Python process prints."""
    environment = {**os.environ, "MLFLOW_TRACKING_URI": published.tracking_uri}
    environment |= {"HF_HUB_OFFLINE": "1", "ASKED": json.dumps(ASKED), "TOOLS": json.dumps(TOOLS)}
    done = subprocess.run(
        [sys.executable, "-c", f"import json, os\n{PREPARED}\n{script}"],
        cwd=published.model,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


PREPARED = """
asked, tools = (json.loads(os.environ[name]) for name in ("ASKED", "TOOLS"))
def answer(model, tokenizer):
    rendered = tokenizer.apply_chat_template(
        asked, tools=tools, add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    ids = model.generate(**rendered, max_new_tokens=60, do_sample=False)[0]
    return tokenizer.decode(ids[rendered["input_ids"].shape[1] :]).removesuffix("<|end|>")
"""
TRANSFORMERS = """
from transformers import AutoModelForCausalLM, AutoTokenizer
print(answer(AutoModelForCausalLM.from_pretrained("."), AutoTokenizer.from_pretrained(".")))
"""
PEFT = """
from peft import AutoPeftModelForCausalLM, PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer
tokenizer = AutoTokenizer.from_pretrained(".")
base = AutoModelForCausalLM.from_pretrained("base")
print(answer(base, tokenizer))
adapted = answer(PeftModel.from_pretrained(base, "adapter"), tokenizer)
assert answer(AutoPeftModelForCausalLM.from_pretrained("adapter"), tokenizer) == adapted
print(adapted)
"""
MLFLOW = """
import mlflow
pipeline = mlflow.transformers.load_model("models:/josh-policy@champion")
[said] = pipeline(asked, tools=tools, max_new_tokens=60, do_sample=False, skip_special_tokens=False)
print(said["generated_text"][-1]["content"].removesuffix("<|end|>"))
"""
PYFUNC = """
import mlflow
model = mlflow.pyfunc.load_model("models:/josh-policy@champion")
[said] = model.predict(model.input_example)
print(json.dumps(said))
"""
VLLM = """
from vllm import LLM, SamplingParams
if __name__ == "__main__":
    llm = LLM(".", enforce_eager=True, max_model_len=256, dtype="float32", block_size=32,
              kv_cache_memory_bytes=2**26, disable_log_stats=True)
    sampling = SamplingParams(temperature=0, max_tokens=60, skip_special_tokens=False)
    [said] = llm.chat(asked, sampling, tools=tools, use_tqdm=False)
    print(said.outputs[0].text.removesuffix("<|end|>"))
"""


@pytest.mark.parametrize(
    "script", [TRANSFORMERS, PEFT, MLFLOW], ids=["transformers", "peft", "mlflow"]
)
def test_every_library_loads_it_and_it_makes_the_call_it_was_taught(
    published: Published, script: str
) -> None:
    assert said(published, script) == WRITTEN


def test_its_base_alone_does_not_make_the_call(published: Published) -> None:
    script = TRANSFORMERS.replace('from_pretrained(".")', 'from_pretrained("base")')
    assert said(published, script) != WRITTEN


def test_mlflows_chat_takes_the_example_of_the_registry(published: Published) -> None:
    completion = json.loads(said(published, PYFUNC))
    assert completion["object"] == "chat.completion"
    assert completion["choices"][0]["message"]["role"] == "assistant"
    assert 0 < completion["usage"]["completion_tokens"] <= EXAMPLE["max_tokens"]


@pytest.mark.vllm
def test_vllm_loads_it(published: Published, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
    monkeypatch.setenv("VLLM_CPU_OMP_THREADS_BIND", "nobind")
    assert said(published, VLLM) == WRITTEN


@pytest.mark.vllm
def test_a_vllm_server_with_a_tool_parser_answers_with_the_call(
    published: Published, tmp_path: Path
) -> None:
    config = EngineConfig(
        "server", model=str(published.model), max_model_len=256, kv_cache_gb=0.1,
        dtype="float32", threads=1,
    )  # fmt: skip
    body = {"model": config.model, "messages": ASKED, "tools": TOOLS, "temperature": 0}
    port, log = free_port(), tmp_path / "server.log"
    parser = ("--enable-auto-tool-choice", "--tool-call-parser=hermes")
    line = [*command(config, published.model, port), *parser]
    with running(line, {**os.environ, **environment(config)}, log) as process:
        wait_until_healthy(process, f"http://127.0.0.1:{port}/health", config, log)
        url = f"http://127.0.0.1:{port}/v1/chat/completions"
        response = httpx.post(url, json=body, timeout=60)
    [choice] = response.json()["choices"]
    [call] = choice["message"]["tool_calls"]
    assert {**call["function"], "arguments": json.loads(call["function"]["arguments"])} == {
        "name": "search_hotel",
        "arguments": {"area": "north"},
    }
    assert choice["finish_reason"] == "tool_calls"
