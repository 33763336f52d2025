"""Refusal of model folders that only code of their own could load: no such code is ever run."""

from __future__ import annotations

from pathlib import Path

FILES = ("config.json", "tokenizer_config.json")
"""Files in whose ``auto_map`` a folder names its code."""


def needed(folder: Path) -> str | None:
    """Why the folder is refused; None if transformers knows its model and its tokenizer."""
    if not any('"auto_map"' in _text(folder / name) for name in FILES):
        return None
    from transformers import AutoConfig, AutoTokenizer

    try:
        AutoConfig.from_pretrained(folder, trust_remote_code=False)
        AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    except (OSError, ValueError) as error:
        if "trust_remote_code" not in str(error):
            return None  # broken otherwise: whoever loads it says how
        return (
            f"{folder} needs code of its own (auto_map in its {' or '.join(FILES)}), which is "
            "never run here: take a model that transformers knows"
        )
    return None


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
