"""Detection of slot values in text, in any of the usual ways of saying them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from toolwoz.world.values import NUMBER_WORDS, canonical

_SYNONYMS: Mapping[tuple[str, str], str] = {
    ("area", "centre"): r"\bcent(re|er|ral)\b|downtown|middle of",
    ("pricerange", "cheap"): r"cheap|inexpensive|budget|low[- ](price|cost)",
    ("pricerange", "moderate"): r"moderate|mid[- ]?(range|price)|reasonabl|average",
    ("pricerange", "expensive"): r"expensive|upscale|high[- ]?end|fancy|pric(e)?y|luxur",
    ("type", "guesthouse"): r"guest ?-?house|b ?(&|and|n) ?b\b|bed and breakfast",
    ("people", "1"): r"\b(just|only|by) (for )?(me|myself)\b|\bmyself\b|\balone\b|\bsingle\b",
    ("internet", "yes"): r"wi-? ?fi|internet",
    ("parking", "yes"): r"\bpark(ing)?\b",
}
# A flag that is "no" need not be denied: "whether or not it has wifi" leaves it open.
_LACKING = r"(without|no|n't|not|need not)\b.{{0,40}}({})"
_FLAGS = {"internet": r"wi-? ?fi|internet", "parking": r"park"}
_SAME = {
    "day": r"same day|that day",
    "people": r"same (group|number|people|party)|same amount of people",
    "area": r"same (area|part)|nearby|near (it|the)",
    "pricerange": r"same price",
}


def mentions(slot: str, value: str, text: str) -> bool:
    """Whether the text says this value of this slot.

    Lenient: it decides whether an agent could know the value, so everything that an attentive
    reader would understand counts, including references like "the same day".
    """
    lower = text.casefold()
    if slot in _SAME and re.search(_SAME[slot], lower):
        return True
    synonyms = _SYNONYMS.get((slot, value))
    if synonyms and re.search(synonyms, lower):
        return True
    if slot in _FLAGS:
        return value == "no" and re.search(_LACKING.format(_FLAGS[slot]), lower) is not None
    return _FORMS.get(slot, _says_words)(value, lower)


def said(slots: Mapping[str, str], utterances: Iterable[str]) -> frozenset[str]:
    """The slots whose value some utterance mentions."""
    texts = list(utterances)
    return frozenset(
        slot for slot, value in slots.items() if any(mentions(slot, value, t) for t in texts)
    )


def _says_number(value: str, text: str) -> bool:
    known = value.isdigit() and int(value) < len(NUMBER_WORDS)
    word = NUMBER_WORDS[int(value)] if known else value
    return re.search(rf"(?<![\d:])({re.escape(value)}|{word})(?![\d:])", text) is not None


def _says_time(value: str, text: str) -> bool:
    times = re.findall(r"\d{1,2}(?:[:.]\d{2})?\s*(?:[ap]\.?m\.?)?", text)
    return any(canonical("time", re.sub(r"\.m\.?|m\.", "m", time)) == value for time in times)


def _says_words(value: str, text: str) -> bool:
    return canonical("name", value) in canonical("name", text)


_FORMS: Mapping[str, Callable[[str, str], bool]] = {
    "people": _says_number,
    "stay": _says_number,
    "stars": _says_number,
    "time": _says_time,
    "leaveAt": _says_time,
    "arriveBy": _says_time,
}
