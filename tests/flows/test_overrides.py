"""What a run of the Prefect UI changes is a key of params.yaml, refused before anything runs."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import Any

import pytest
from pydantic import ValidationError

from flows import params
from flows.overrides import REFUSED, Overrides, RoundOverrides

FILLED = {
    "test_scenarios": 5,
    "evaluation_seed": 0,
    "temperature": 0.5,
    "others": ("harvest.temperature=0.9",),
    "source": "multiwoz24",
    "scenarios": 7,
    "training_seed": 4,
}


def test_what_is_empty_changes_nothing() -> None:
    assert RoundOverrides().assignments() == []


def test_every_field_is_a_valid_change_of_the_projects_params() -> None:
    assert set(FILLED) == set(RoundOverrides.model_fields)
    changes = RoundOverrides(**FILLED).assignments()
    assert sorted(changes) == [
        "evaluate.scenarios.test=5",
        "evaluate.seed=0",
        "evaluate.temperature=0.5",
        'fetch.source="multiwoz24"',
        "harvest.scenarios=7",
        "harvest.temperature=0.9",
        "train.seed=4",
    ]
    changed = params.check(overrides=changes)
    assert (changed["evaluate"].scenarios["test"], changed["evaluate"].seed) == (5, 0)
    assert (changed["fetch"].source, changed["harvest"].scenarios) == ("multiwoz24", 7)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("test_scenarios", 0),
        ("temperature", 2.5),
        ("evaluation_seed", -1),
        ("source", "multiwoz20"),
        ("scenarios", "many"),
        ("others", ("harvest",)),
        ("others", ("temperature=1",)),
        ("sources", "synthetic"),
    ],
)
def test_a_value_out_of_bounds_is_refused_by_its_name(field: str, value: Any) -> None:
    with pytest.raises(ValidationError, match=field):
        RoundOverrides(**{field: value})


def test_an_evaluation_cannot_change_what_was_harvested() -> None:
    assert set(RoundOverrides.model_fields) > set(Overrides.model_fields)
    with pytest.raises(ValidationError, match="scenarios"):
        Overrides(scenarios=7)  # type: ignore[call-arg]


def test_any_other_key_is_checked_against_the_whole_file() -> None:
    changes = Overrides(others=("harvest.temprature=0.9",)).assignments()
    with pytest.raises(params.ParamsError, match=r"unknown key harvest.temprature; known: split"):
        params.check(overrides=changes)


SENDS, READS, RUNS = "sends a key or data elsewhere", "reads or writes any place", "runs code"
ELSEWHERE = {
    "engine.api_key_env=HOME": SENDS,
    "engine.urls=[http://elsewhere/v1]": SENDS,
    "dialogue.user_model.url=http://elsewhere/v1": SENDS,
    "dialogue.user_model.api_key_env=HOME": SENDS,
    'dialogue.user_model={"api_key_env": "HOME"}': SENDS,
    'dialogue.user_model={"\\u0075rl": "http://elsewhere/v1"}': SENDS,
    "dialogue.system_prompt=${oc.env:HOME}": SENDS,
    "benchmarks.judge={url: http://elsewhere/v1, model: m}": SENDS,
    "benchmarks.judge.api_key_env=HOME": SENDS,
    "benchmarks.simulator.url=http://elsewhere/v1": SENDS,
    "train.trl.report_to=wandb": SENDS,
    "train.trl.push_to_hub=true": SENDS,
    "train.trl.hub_token=x": SENDS,
    "train.trl.hub_model_id=them/ours": SENDS,
    "train.methods.sft.trackio_space_id=them/ours": SENDS,
    "fetch.source=http://elsewhere/data.zip": READS,
    "fetch.source=/etc": READS,
    "engine.recording=/etc/passwd": READS,
    "bootstrap.pretrained=/etc": READS,
    "bootstrap.pretrained=them/model": READS,
    "train.trl.output_dir=/etc": READS,
    "train.trl.logging_dir=/etc": READS,
    "train.arms.josh_sft.trl={resume_from_checkpoint: /etc}": READS,
    "bootstrap.finetuning.trl.chat_template_path=/etc/passwd": READS,
    "bootstrap.lessons.trl.chat_template_path=/etc/passwd": READS,
    "train.lora.base_model_name_or_path=them/model": READS,
    "engine.vllm.middleware=[os.system]": RUNS,
    "engine.vllm={hf_overrides: {}}": RUNS,
    "train.accelerate=/tmp/accelerate.yaml": RUNS,
    "train.trl.deepspeed=/tmp/ds.json": RUNS,
    "bootstrap.trl.deepspeed={optimizer: {}}": RUNS,
    "train.trl.fsdp_config=/tmp/fsdp.json": RUNS,
    "train.trl.accelerator_config=/tmp/accelerator.json": RUNS,
    "train.trl.model_init_kwargs={trust_remote_code: true}": RUNS,
    "train.lora.megatron_core=os": RUNS,
}
"""What a form must not say, and why: it reaches beyond the project."""


@pytest.mark.parametrize("assignment", ELSEWHERE)
def test_what_reaches_beyond_the_project_is_refused(assignment: str) -> None:
    with pytest.raises(ValidationError, match=r"others[\s\S]*only params\.yaml says"):
        RoundOverrides(others=(assignment,))


@pytest.mark.parametrize(
    "assignment",
    [
        "train.trl.learning_rate=1e-4",
        "train.trl.lr_scheduler_kwargs={num_cycles: 2}",
        "train.lora={r: 8, target_modules: all-linear}",
        "engine.dtype=float32",
        "engine.backend=vllm",
        "bootstrap.kind=smollm2",
        "benchmarks.names=[bfcl]",
        "dialogue.user=goal",
    ],
)
def test_what_stays_in_the_project_is_taken(assignment: str) -> None:
    assert RoundOverrides(others=(assignment,)).assignments() == [assignment]


HARMLESS = frozenset(
    """alpha_pattern dataloader_multiprocessing_context dataset_kwargs dataset_text_field
    ddp_backend debug eos_token eval_strategy exclude_modules f_divergence_type fsdp
    gradient_checkpointing_kwargs include_for_metrics include_num_input_tokens_seen label_names
    layers_pattern length_column_name liger_kernel_config loftq_config log_level log_level_replica
    logging_strategy loss_type lr_scheduler_kwargs lr_scheduler_type metric_for_best_model
    modules_to_save optim optim_args optim_target_modules packing_strategy pad_to_multiple_of
    pad_token peft_type peft_version project rank_pattern revision run_name save_strategy
    target_modules target_parameters task_type torch_compile_backend torch_compile_mode
    train_sampling_strategy trainable_token_indices truncation_mode velora_config""".split()  # noqa: SIM905
)
"""Options of TRL and PEFT that are a word of a fixed set, a pattern of names, or numbers."""


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_option_of_a_training_that_could_be_a_place_or_a_name_was_judged() -> None:
    import peft
    import trl

    configs = (trl.SFTConfig, trl.KTOConfig, trl.DPOConfig, peft.LoraConfig)
    open_ended = {
        field.name
        for config in configs
        for field in fields(config)
        if re.search(r"str|dict|Any", str(field.type))
    }
    allowed = {name for name in open_ended if not REFUSED.search(f"train.trl.{name}=x")}
    assert allowed <= HARMLESS
