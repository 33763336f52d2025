"""A journal in parts: each process that continues a harvest gets the answers of its scenarios."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from dialogue.files import sync
from josh.harvesting.journal import Answers, Journal, journal_path


def regroup(folder: Path, key: str, parts: Mapping[str, str]) -> None:
    """Bring every answer of a harvest into the part of the journal that its scenario belongs to.

    All other files of that harvest are gone afterwards. Killed in the middle, run it again.

    Args:
        folder: Folder of journals.
        key: Key of the harvest: see :func:`josh.harvesting.journal.journal_key`.
        parts: Scenario -> the name of its part; "" for all of them makes one journal of it again.

    Raises:
        dialogue.records.RecordError: as :class:`josh.harvesting.journal.Journal`, of any file.
    """
    wanted = {journal_path(folder, key, part) for part in parts.values()}
    others = sorted({*folder.glob(f"{key}*.jsonl")} - wanted)
    if not others:
        return
    with ExitStack() as stack:
        into = {
            part: stack.enter_context(Journal(folder, key, part)) for part in set(parts.values())
        }
        for path in others:
            part = path.name.removeprefix(key).removesuffix(".jsonl").removeprefix(".")
            with Journal(folder, key, part) as journal:
                for scenario in journal.scenarios:
                    _add(journal(scenario), into[parts[scenario]](scenario))
    sync(folder)
    for path in others:
        path.unlink()


def _add(answers: Answers, memory: Answers) -> None:
    for place, entry in answers.earlier.items():
        if memory.get(place) is None:
            memory[place] = entry
