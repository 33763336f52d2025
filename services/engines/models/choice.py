"""Which parser reads a model's calls and thought, told by how its template writes them."""

from __future__ import annotations

import re
from collections.abc import Sequence

DEFAULT = "hermes"
"""The parser of calls where nothing says which."""
THINK = "think"
"""The parser of thought in ``<think>`` blocks."""
JOINT = ("openai", "hf", "kimi_k3", "cohere_command3", "cohere_command4")
"""vLLM's parsers that read calls and thought in one."""

_CALLS: Sequence[tuple[str, str]] = (
    (r"<\|channel\|>.*to=functions\.|to=functions\..*<\|channel\|>", "openai"),
    (r"<start_function_call>", "functiongemma"),
    (r"<\|tool_call>call:", "gemma4"),
    (r"<\|tool_call_start\|>", "lfm2"),
    (r"<seed:tool_call>", "seed_oss"),
    (r"<minimax:tool_call>", "minimax_m2"),
    (r"<tool_call>\s*\{", "hermes"),
    (r"<tool_call>[^<{]+<arg_key>", "glm45"),
    (r"<function=", "qwen3_coder"),
    (r"\[TOOL_CALLS\]", "mistral"),
    (r"<\uff5cDSML\uff5c", "deepseek_v32"),
    (r"<\uff5ctool\u2581call\u2581begin\uff5c>function<\uff5ctool\u2581sep\uff5c>", "deepseek_v3"),
    (r"<\uff5ctool\u2581calls\u2581begin\uff5c>", "deepseek_v31"),
    (r"<\|tool_calls_section_begin\|>", "kimi_k2"),
    (r"<\|tool_call\|>\s*\[", "granite"),
    (r"<atem:invoke", "muse_glimmer"),
    (r"<function_call>", "granite-20b-fc"),
    (r"<\|action_start\|>", "internlm"),
    (r"<\|tools_prefix\|>", "apertus"),
    (r"<tool_calls>\s*\[", "hunyuan_a13b"),
    (r"<function_calls>", "olmo3"),
    (r"functools\s*\[", "phi4_mini_json"),
    (r"<\|python_tag\|>|^\s*\{.*\"parameters\"", "llama3_json"),
    (r"^\s*\[\s*\{\s*\"name\"", "xlam"),
    (r"^\s*\[\w+\(", "pythonic"),
    (r"^\s*\{\s*\"name\".*\"arguments\"", "json"),
)
"""What a written call looks like -> the parser that reads it; the first that fits is taken."""
_THOUGHT: Sequence[tuple[str, str]] = (
    ("<|channel|>", "openai_gptoss"),
    ("[THINK]", "mistral"),
    ("<seed:think>", "seed_oss"),
    ("<|channel>thought", "gemma4"),
)
"""What stands in a template whose thought is not in ``<think>`` blocks -> the parser."""


def tool_parser(written: str, template: str) -> str | None:
    """The name of the parser of calls; None if nothing says which.

    Args:
        written: A call as the template writes it; "" if it writes none.
        template: Text of the template, where the call is looked for if it writes none.
    """
    text = written or template
    return next((name for pattern, name in _CALLS if re.search(pattern, text, re.DOTALL)), None)


def reasoning_parser(template: str) -> str | None:
    """The name of vLLM's parser of thought; None: thought stands in ``<think>`` blocks."""
    return next((name for mark, name in _THOUGHT if mark in template), None)
