"""The error of reading a corpus."""

from __future__ import annotations


class CorpusError(ValueError):
    """A corpus cannot be read; the message names the file, and the dialogue if it is one."""
