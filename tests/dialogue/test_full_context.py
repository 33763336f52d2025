"""How servers say that a context is full, and what only sounds like it."""

from __future__ import annotations

import json

import pytest

from dialogue.endpoints.full_context import is_full

FULL = [
    (400, "This model's maximum context length is 64 tokens. However, you requested 70 tokens."),
    (400, "The decoder prompt is longer than the maximum model length of 64."),
    (400, "'max_tokens' is too large: 9. This model's maximum context length is 64 tokens and your "
     "request has 60 input tokens (9 > 64 - 60)."),
    (400, "The input (99 tokens) is longer than the model's context length (64)."),
    (400, "Input length (99 tokens) exceeds the maximum allowed length (64 tokens)."),
    (400, "the request exceeds the available context size, try increasing it"),
    (400, "prompt is too long: 210000 tokens > 200000 maximum"),
    (413, "Prompt is too long"),
    (400, "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000"),
    (400, "The input token count (1048580) exceeds the maximum number of tokens (1048576)."),
    (422, "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 4000 "
     "`inputs` tokens and 128 `max_new_tokens`"),
    (422, "Input validation error: `inputs` must have less than 1024 tokens. Given: 2000"),
    (400, "Prompt contains 40000 tokens, too large for model with 32768 maximum context length"),
    (400, "This model's maximum prompt length is 131072 but the request contains 537812 tokens."),
    (400, "Invalid request: Your request exceeded model token limit: 131072"),
    (400, "invalid params, context window exceeds limit (2013)"),
    (400, "prompt too long; exceeded max context length by 5 tokens"),
    (400, "prompt token count of 9001 exceeds the limit of 8000"),
    (400, "Input is too long for requested model."),
    (400, "too many tokens: total number of tokens in the prompt cannot exceed 4081"),
    (400, "Please reduce the length of the messages or completion."),
    (200, "This endpoint's maximum context length is 64 tokens. However, you requested about 70."),
]  # fmt: skip
NOT_FULL = [
    (400, "max_tokens must be less than the maximum context length of the model"),
    (400, "max_tokens=9000 cannot be greater than max_model_len=4096"),
    (400, "max_completion_tokens (9000) exceeds the maximum number of tokens (4096)"),
    (400, "Input validation error: max_new_tokens must be less than context length"),
    (400, "Unsupported parameter: 'context_length'"),
    (400, "Extra inputs are not permitted: context_length_exceeded_behavior"),
    (400, "the context window setting must be a number"),
    (413, "request entity too large"),
    (422, "tools.0.function: field required"),
    (429, "Rate limit reached: too many tokens"),
    (500, "maximum context length is 64 tokens"),
]
CODES = [
    ({"code": "context_length_exceeded", "message": "Too many."}, True),
    ({"type": "exceed_context_size_error", "message": "..."}, True),
    ({"code": "string_above_max_length", "message": "Invalid 'messages[1].content': long"}, True),
    ({"code": "string_above_max_length", "message": "Invalid 'tools[0].function.description'"},
     False),
    ({"code": "string_above_max_length", "message": "Invalid 'messages[1].tool_calls[0].id'"},
     False),
    ({"code": 400, "type": "BadRequestError", "message": "no such thing"}, False),
]  # fmt: skip


@pytest.mark.parametrize(
    ("status", "words", "full"),
    [(*case, True) for case in FULL] + [(*case, False) for case in NOT_FULL],
)
def test_words(status: int, words: str, full: bool) -> None:
    for body in ({"error": {"message": words}}, {"message": words}, {"error": words}):
        assert is_full(status, json.dumps(body)) == full
    assert is_full(status, words) == full


@pytest.mark.parametrize(("error", "full"), CODES)
def test_a_code_goes_before_words(error: object, full: bool) -> None:
    assert is_full(400, json.dumps({"error": error})) == full


@pytest.mark.parametrize("body", ["", "[", "[" * 10**5, "null", "3", '{"error": null}'])
def test_no_body_makes_it_raise(body: str) -> None:
    assert not is_full(400, body)
