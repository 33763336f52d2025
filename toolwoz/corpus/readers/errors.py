"""The error of reading a corpus."""

from __future__ import annotations


class CorpusError(ValueError):
    """A corpus cannot be read; the message names the file, and the dialogue if it is one."""


def corrupt(origin: object, name: object, what: object) -> CorpusError:
    """The error of a dialogue that has another shape than MultiWOZ's."""
    return CorpusError(
        f"{origin}: dialogue {name} is corrupt: {what}; mend it or remove it, or fetch again"
    )
