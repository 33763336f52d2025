"""Canonical forms of slot values: two spellings of one value have the same form."""

from __future__ import annotations

import math
import re
import unicodedata
from functools import lru_cache
from typing import Final

TIME_SLOTS: Final = frozenset({"leaveAt", "arriveBy", "time"})
NUMBER_SLOTS: Final = frozenset({"people", "stay", "stars"})
FLAG_SLOTS: Final = frozenset({"parking", "internet"})

MULTIWOZ_EMPTY: Final = frozenset(
    {"", "dont care", "don't care", "dontcare", "do n't care", "not mentioned"}
)
"""How MultiWOZ writes "no constraint"."""
# Models and people write it in these ways too.
_EMPTY: Final = MULTIWOZ_EMPTY | {
    *("do not care", "any", "anything", "no preference", "doesn't matter", "none", "null")
}
NUMBER_WORDS: Final = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
    *("eleven", "twelve"),
)
BOOKING_FLAGS: Final = frozenset({"invalid", "pre_invalid"})
"""Booleans about a booking that MultiWOZ keeps among its slots."""
_FLAGS: Final = {"true": "yes", "free": "yes", "1": "yes", "false": "no", "0": "no"}
# "mutliple sports" is how the MultiWOZ databases spell that attraction type.
SPELLINGS: Final = {"center": "centre", "mutliple": "multiple", "&": "and"}

_CLOCK: Final = re.compile(r"(\d{1,2})(?:[:.]?(\d{2}))?\s*(am|pm|a\.m\.|p\.m\.)?")
_TIME_OF_DAY: Final = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
_COUNT: Final = re.compile(r"(\d+)(?:\.0)?(?: (?:people|persons?|nights?|days?|stars?))?")


def is_empty(value: object) -> bool:
    """Whether a value says "no constraint": absent, blank, or one of the dontcare spellings."""
    return value is None or (isinstance(value, str) and value.strip().casefold() in _EMPTY)


def as_text(value: object) -> str | None:
    """The text of a value that JSON gives as text, number, flag or list of one; None of others."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and math.isfinite(value):
        value = int(value) if value.is_integer() else str(value)
    return str(value) if isinstance(value, str | int) else None


def plain(value: str) -> str:
    """The form in which mode parity compares values: without case and apostrophes."""
    return value.lower().replace("'", "")


@lru_cache(maxsize=1 << 16, typed=True)
def canonical(slot: str, value: str | int | float | bool) -> str:
    """The form in which two values of one slot are compared; empty if :func:`is_empty`.

    Times become HH:MM ("5:45", "5.45 am" -> "05:45"), counts digits (3, "three" -> "3"), flags
    yes or no; any other text loses case, accents, punctuation, spaces and a leading "the", so
    that "The King's-College" equals "kings college". Any other value stays as text and
    equals only itself.
    """
    text = " ".join(str(value).casefold().split())
    if is_empty(text):
        return ""
    if slot in TIME_SLOTS:
        return _clock(text)
    if slot in NUMBER_SLOTS:
        return _count(text)
    if slot in FLAG_SLOTS:
        return _FLAGS.get(text, text)
    return _loose(text)


def is_time_of_day(form: str) -> bool:
    """Whether a canonical form is a time from 00:00 to 23:59; MultiWOZ's trains arrive at 24:08."""
    return _TIME_OF_DAY.fullmatch(form) is not None


def _clock(text: str) -> str:
    match = _CLOCK.fullmatch(text)
    if match is None or (match[2] is None and match[3] is None):  # a bare "5" is no time
        return text
    hour, minute = int(match[1]), match[2] or "00"
    if match[3] is not None:
        afternoon = match[3].startswith("p")
        if hour > (23 if afternoon else 12):  # "17:45 pm" is a time, "17:45 am" is none
            return text
        hour = hour % 12 + (12 if afternoon else 0)
    return f"{hour:02d}:{minute}"


def _count(text: str) -> str:
    match = _COUNT.fullmatch(text)
    if match is not None:
        return str(int(match[1]))
    return str(NUMBER_WORDS.index(text)) if text in NUMBER_WORDS else text


def _loose(text: str) -> str:
    # Unicode's compatibility caseless match: a letter may get a case by losing its shape
    folded = unicodedata.normalize("NFKD", text).casefold()
    plain = unicodedata.normalize("NFKD", folded)
    words = [SPELLINGS.get(word, word) for word in plain.removeprefix("the ").split()]
    return "".join(c for c in "".join(words) if c.isalnum()) or text
