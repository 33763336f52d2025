"""Model families: their chat templates, and how their messages end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.bootstrap import pretrained
from tests.helpers.tokenizers import byte_tokenizer, trl_template

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True)
class Family:
    """A chat template with what its models need beside it.

    Attributes:
        source: Where the template is from: ``TRL``, ``vLLM``, ``llama.cpp`` or ``ours``.
        template: Name of the template there.
        end: The EOS token, which ends a message.
        stops: Further tokens that end one, as the model's generation_config.json names them.
        tool_parser: Value of ``engine.tool_parser``.
        kwargs: Value of ``engine.chat_template_kwargs``.
    """

    source: str
    template: str
    end: str
    tool_parser: str = "auto"
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    stops: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The template."""
        if self.source == "TRL":
            return trl_template(self.template)
        folder = pretrained.TEMPLATES if self.source == "ours" else TEMPLATES
        return (folder / f"{self.template}.jinja").read_text("utf-8")

    def tokenizer(self) -> PreTrainedTokenizerBase:
        """A tokenizer of bytes with the family's special tokens."""
        return byte_tokenizer(self.text, "<|python_tag|>", eos=self.end)


FAMILIES = {
    "Llama 3": Family("TRL", "llama3", "<|eot_id|>"),
    "Llama 3, after bootstrap": Family("ours", "llama3", "<|eot_id|>"),
    "Llama 3.1": Family("TRL", "llama3_1", "<|eot_id|>"),
    "Llama 3.2": Family("TRL", "llama3_2", "<|eot_id|>"),
    "Qwen2.5": Family("TRL", "qwen2_5", "<|im_end|>"),
    "Qwen2.5-Coder": Family("TRL", "qwen2_5", "<|im_end|>", "json"),
    "Qwen3": Family("TRL", "qwen3", "<|im_end|>"),
    "Qwen3, not thinking": Family("TRL", "qwen3", "<|im_end|>", kwargs={"enable_thinking": False}),
    "Qwen3-Instruct-2507": Family("TRL", "qwen3_instruct_2507", "<|im_end|>"),
    "Qwen3-Coder": Family("vLLM", "qwen3coder", "<|im_end|>"),
    "Mistral 7B, Ministral": Family("vLLM", "mistral", "</s>"),
    "Mistral Small 3": Family("vLLM", "mistral3", "</s>"),
    "SmolLM2": Family("ours", "smollm2", "<|im_end|>"),
    "SmolLM3": Family("llama.cpp", "smollm3", "<|im_end|>"),
    "Gemma 3": Family("TRL", "gemma3", "<end_of_turn>"),
    "Gemma 3, pythonic": Family("vLLM", "gemma3_pythonic", "<end_of_turn>"),
    "FunctionGemma": Family("vLLM", "functiongemma", "<end_of_turn>"),
    "gpt-oss": Family("TRL", "gptoss", "<|return|>", stops=("<|call|>",)),
    "Phi-4-mini": Family("vLLM", "phi4_mini", "<|end|>"),
}
