"""Each guard lets good rows pass and stops a bad one by row, reason and knob."""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path

import pytest
from transformers import AutoTokenizer
from trl import chat_template_utils

from tasks.train.guards.guards import GUARDS, check, rewritten_history
from tasks.train.guards.rendering import Renderer
from tasks.train.guards.subject import Subject, render
from tasks.train.recipe import Recipe, TrainError
from tasks.train.trainers import arguments

CHAT_TEMPLATES = Path(chat_template_utils.__file__).parent / "chat_templates"
TOOL = {"name": "search_hotel", "parameters": {"properties": {"area": {}}}}
TOOLS = json.dumps([{"type": "function", "function": TOOL}])
FUNCTION = {"name": "search_hotel", "arguments": '{"area": "north"}'}
CALL = {"id": "call_0", "type": "function", "function": FUNCTION}
USER = {"role": "user", "content": "a hotel in the north"}
CALLS = {"role": "assistant", "content": "", "tool_calls": [CALL]}
FOUND = {"role": "tool", "tool_call_id": "call_0", "content": '{"count": 1}'}
SPEAKS = {"role": "assistant", "content": "there is one"}
DIALOGUE = {
    "messages": [USER, CALLS, FOUND, SPEAKS],
    "tools": TOOLS,
    "scenario": "S7",
    "node": 3,
}
GOOD = {"prompt": [USER], "completion": [CALLS], "label": True, "tools": TOOLS}
BAD = {**GOOD, "completion": [SPEAKS], "label": False}
SPOKEN = {"prompt": [USER], "completion": [SPEAKS], "tools": TOOLS}
PAIR = {"prompt": [USER], "chosen": [CALLS], "rejected": [SPEAKS], "tools": TOOLS}


@pytest.fixture
def tokenizer(tiny_model):
    return AutoTokenizer.from_pretrained(tiny_model)


def subject(tokenizer, rows, method="sft", *, ends=None, context=512, **trl):
    if method == "sft":
        trl = {"assistant_only_loss": True, **trl}
    options = {"use_cpu": True, "bf16": False, "max_length": None, **trl}
    args = arguments(Recipe(method, method, options), Path("work"), 0, watched=False)
    renderer = Renderer(tokenizer, masked=getattr(args, "assistant_only_loss", False))
    ends = frozenset({tokenizer.eos_token_id}) if ends is None else ends
    return Subject(render(rows, renderer), renderer, args, ends, context, max_rewritten=0.0)


def refused(guarded, match):
    with pytest.raises(TrainError, match=match) as refusal:
        check(guarded)
    return str(refusal.value)


def change(tokenizer, old, new):
    assert old in tokenizer.chat_template
    tokenizer.chat_template = tokenizer.chat_template.replace(old, new)


@pytest.mark.parametrize(
    ("method", "rows"),
    [("sft", [DIALOGUE]), ("sft", [GOOD]), ("kto", [GOOD, BAD]), ("dpo", [PAIR])],
)
def test_good_rows_pass(tokenizer, method, rows):
    check(subject(tokenizer, rows, method))


def test_smollm2s_template_passes(tokenizer):
    template = Path(__file__).parents[4] / "tasks" / "bootstrap" / "templates" / "smollm2.jinja"
    tokenizer.chat_template = template.read_text()
    tokenizer.add_special_tokens({"eos_token": "<|im_end|>"})
    check(subject(tokenizer, [DIALOGUE, GOOD]))


def test_a_completion_beyond_max_length(tokenizer):
    row = subject(tokenizer, [DIALOGUE]).texts[0]
    length = len(row.ids)
    too_short = subject(tokenizer, [DIALOGUE], max_length=length - 1)
    message = refused(too_short, "1 of the tokens it should train would be lost")
    assert message.startswith("row 1 (scenario S7, node 3): ")
    assert f"trl.max_length is {length - 1}; set it to {length} or more" in message
    check(subject(tokenizer, [DIALOGUE], max_length=length))


def test_a_prompt_that_is_cut_at_its_start_loses_nothing_that_is_trained(tokenizer):
    length = len(subject(tokenizer, [PAIR], "dpo").texts[0].ids)
    kept = {"max_length": length - 1, "truncation_mode": "keep_end"}
    check(subject(tokenizer, [PAIR], "dpo", **kept))
    refused(subject(tokenizer, [PAIR], "dpo", max_length=length - 1), "row 1, chosen: 1 of")


def test_trls_own_max_length_is_looked_at_too(tokenizer):
    long = {**DIALOGUE, "messages": [{"role": "user", "content": "north " * 1100}, SPEAKS]}
    defaulted = {"use_cpu": True, "bf16": False, "assistant_only_loss": True}
    args = arguments(Recipe("sft", "sft", defaulted), Path("work"), 0, watched=False)
    whole = subject(tokenizer, [long], context=4096)
    cut = Subject(whole.texts, whole.renderer, args, whole.ends, 4096, 0.0)
    refused(cut, "trl.max_length is 1024")


def test_a_text_longer_than_the_model_reads(tokenizer):
    refused(subject(tokenizer, [DIALOGUE], context=20), r"the model reads 20.*max_model_len")


def test_an_empty_mask(tokenizer):
    change(tokenizer, "{%- generation %}", "{%- generation %}{%- endgeneration %}")
    change(tokenizer, "{{- '<|end|>' }}\n{%- endgeneration %}", "{{- '<|end|>' }}")
    refused(subject(tokenizer, [DIALOGUE]), r"mask is empty.*assistant_only_loss: false")


def test_a_mask_that_leaves_out_calls(tokenizer):
    change(
        tokenizer,
        "{%- for call in message.tool_calls or [] %}",
        "{%- endgeneration %}{%- for call in message.tool_calls or [] %}",
    )
    change(
        tokenizer,
        "{{- '<|end|>' }}\n{%- endgeneration %}",
        "{%- generation %}{{- '<|end|>' }}{%- endgeneration %}",
    )
    refused(
        subject(tokenizer, [DIALOGUE]), "mask leaves out what the assistant said: 'search_hotel'"
    )


def test_a_mask_that_covers_the_user(tokenizer):
    change(
        tokenizer,
        "{{- message.content + '<|end|>' }}",
        "{% generation %}{{- message.content + '<|end|>' }}{% endgeneration %}",
    )
    refused(subject(tokenizer, [DIALOGUE]), "mask has 4 parts for 2 assistant messages")


def test_a_mask_that_covers_the_header(tokenizer):
    change(tokenizer, "{{- '<|' + message.role + '|>' }}", "")
    change(tokenizer, "{%- generation %}", "{%- generation %}{{- '<|assistant|>' }}")
    change(
        tokenizer,
        "{{- message.content + '<|end|>' }}",
        "{{- '<|' + message.role + '|>' + message.content + '<|end|>' }}",
    )
    refused(subject(tokenizer, [DIALOGUE]), "mask begins before message 2 does")


def test_a_mask_that_goes_on_behind_the_end(tokenizer):
    change(
        tokenizer,
        "{{- '<|end|>' }}\n{%- endgeneration %}",
        "{{- '<|end|>more<|end|>' }}\n{%- endgeneration %}",
    )
    refused(subject(tokenizer, [DIALOGUE]), "mask goes on after the end")


def test_a_template_without_marks_for_the_mask(tokenizer):
    change(tokenizer, "{%- generation %}", "")
    change(tokenizer, "{%- endgeneration %}", "")
    with pytest.raises(TrainError, match="does not mark what the assistant says"):
        subject(tokenizer, [DIALOGUE])


@pytest.mark.parametrize("rows", [[DIALOGUE], [GOOD]])
def test_a_template_that_rewrites_what_stood_before(tokenizer, rows):
    change(
        tokenizer,
        "{{- message.content + '<|end|>' }}",
        "{{- message.content + ('' if loop.last else ' (earlier)') + '<|end|>' }}",
    )
    refused(subject(tokenizer, rows), r"not prefix-preserving.*chat_template\.jinja")


def test_a_template_without_tools(tokenizer):
    change(tokenizer, "{{- tool.function.name + ", "{{- ")
    refused(subject(tokenizer, [GOOD]), "does not hold the tool search_hotel")
    refused(subject(tokenizer, [DIALOGUE]), "does not hold the tool search_hotel")


def test_kto_needs_two_a_batch_and_both_classes(tokenizer):
    one = subject(tokenizer, [GOOD, BAD], "kto", per_device_train_batch_size=1)
    refused(one, "per_device_train_batch_size to 2 or more")
    refused(subject(tokenizer, [BAD, BAD], "kto"), "of 2 rows 0 are good: harvest more")
    refused(subject(tokenizer, [GOOD], "kto"), "of 1 rows 1 are good")


def test_sft_does_not_imitate_what_is_bad(tokenizer):
    refused(subject(tokenizer, [GOOD, BAD]), "1 of 2 answers are labelled bad.*extract with sft")


def test_an_end_that_no_engine_knows(tokenizer):
    other = frozenset({tokenizer.pad_token_id})
    message = refused(subject(tokenizer, [GOOD], ends=other), "never learn to stop")
    assert "ends in ['<|end|>'], and engines stop at <|pad|>" in message
    refused(subject(tokenizer, [GOOD], ends=frozenset()), "no EOS token")


def sampled(tokenizer, *texts):
    return [tokenizer(text, add_special_tokens=False).input_ids for text in texts]


def test_text_that_is_not_what_was_sampled(tokenizer):
    said = '<tool_call>{"name": "search_hotel", "arguments": {"area": "north"}}</tool_call><|end|>'
    as_said = sampled(tokenizer, said, "there is one<|end|>")
    check(subject(tokenizer, [{**DIALOGUE, "sampled": as_said}]))
    tight = sampled(tokenizer, said.replace('": "', '":"'), "there is one<|end|>")
    message = refused(subject(tokenizer, [{**DIALOGUE, "sampled": tight}]), "max_rewritten")
    assert "1 of 2 answers differ from what the model wrote" in message
    assert '{"name":"sear' in message
    assert '{"name": "sear' in message


def test_the_same_text_in_other_tokens_is_the_same(tokenizer):
    letters = [tokenizer.convert_tokens_to_ids(letter) for letter in "there"]
    [rest] = sampled(tokenizer, " is one<|end|>")
    check(subject(tokenizer, [{**SPOKEN, "sampled": [[*letters, *rest]]}]))


def test_a_template_that_encodes_arguments_is_given_objects(tokenizer):
    change(tokenizer, "call.function.arguments if call.function.arguments is string else ", "")
    said = '<tool_call>{"name": "search_hotel", "arguments": {"area": "north"}}</tool_call><|end|>'
    check(subject(tokenizer, [{**GOOD, "sampled": sampled(tokenizer, said)}]))


def test_a_training_template_that_shows_what_the_engine_never_does(tokenizer):
    """Qwen3 drops its empty thought from earlier answers, and TRL's replacement keeps it."""
    tokenizer.chat_template = (CHAT_TEMPLATES / "qwen3.jinja").read_text()
    ends = frozenset(tokenizer("<|im_end|>", add_special_tokens=False).input_ids)
    twice = {**DIALOGUE, "messages": [*DIALOGUE["messages"], USER, SPEAKS]}
    with pytest.raises(TrainError, match="before message 4 is trained otherwise than the engine"):
        rewritten_history(subject(tokenizer, [twice], ends=ends))


def test_some_may_read_otherwise(tokenizer):
    [other] = sampled(tokenizer, "no<|end|>")
    rows = [
        {**SPOKEN, "sampled": [other]},
        *([{**SPOKEN, "sampled": sampled(tokenizer, "there is one<|end|>")}] * 9),
    ]
    strict = subject(tokenizer, rows)
    refused(strict, "1 of 10 answers")
    check(Subject(strict.texts, strict.renderer, strict.args, strict.ends, 512, max_rewritten=0.1))


def test_that_nothing_could_be_compared_is_said(tokenizer, caplog):
    with caplog.at_level(logging.INFO):
        check(subject(tokenizer, [DIALOGUE]))
    assert "no sampled tokens are recorded" in caplog.text


def test_two_thousand_dialogues_take_seconds(tokenizer):
    began = time.process_time()
    check(subject(tokenizer, [DIALOGUE] * 2000))
    assert time.process_time() - began < 10


def test_every_guard_is_wired():
    assert [guard.__name__ for guard in GUARDS] == [
        "one_sided", "no_end", "tools_missing", "unmasked", "rewritten_history", "too_long",
        "rewritten",
    ]  # fmt: skip
