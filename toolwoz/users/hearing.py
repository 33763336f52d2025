"""The user's reading of an agent's utterance, by key words; works for any agent."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from toolwoz.world.domains import AREAS, PRICE_RANGES, WEEKDAYS
from toolwoz.world.values import SPELLINGS

# A user who has no preference names the first slots asked for, in this order.
_ASKED = {
    "area": r"\barea|part of (the )?(town|city)|side of town|locat|where (in|would)",
    "food": r"\bfood|cuisine|kind of (restaurant|place)|type of restaurant",
    "pricerange": r"\bprice|budget|expensive|cheap",
    "stars": r"\bstars?\b|rating",
    "type": r"\btypes?\b|kind of|guest ?house|sort of",
    "internet": r"wi-?fi|internet",
    "parking": r"\bparking",
    "name": r"\bnames?\b|particular|specific",
    "departure": r"depart|leav\w+ from|coming from|starting|from where|where .*\bfrom\b|origin",
    "destination": r"destination|(going|travel\w*|headed|heading|arriv\w*|go) to|\bwhere to\b"
    r"|where (are|will|would|do) you (like to )?(go|travel|head)",
    "day": r"\bday\b|\bdate\b|\bwhen\b",
    "leaveAt": r"\btime\b|\bwhen\b|leav|depart",
    "arriveBy": r"\btime\b|\bwhen\b|arriv",
    "people": r"how many (people|guests|persons|tickets|seats|will)|party|number of (people|guests)"
    r"|people|how many of you",
    "stay": r"\bnights?\b|how long",
    "time": r"\btime\b|\bwhen\b|what hour",
}
_REFUSED = (
    r"\b(sorry|unfortunately|unable|cannot|can ?not|can't|could ?n't|could not|did ?n't find|"
    r"did not find|fail(ed|s)?|unsuccessful|not (successful|available|possible|found)|nothing|"
    r"none|fully booked|not exist|no (\S+ ){0,4}(found|available|match\w*|results?|such|luck)|"
    r"there (is|are) no(?! (parking|wi-?fi|internet|entrance|fee|charge|problem))|"
    r"there (is|are)n't|"
    r"(do not|don't|does not|doesn't) (seem|have an?y?|match|exist))\b"
)
_OFFERED = (
    r"TR\d{3,5}|\b(how about|what about|recommend|suggest|found|there (is|are)|there's|we have|"
    r"i have|called|is an?|located|match(es)?|options?|available|book|reserve|leaves?|arrives?|"
    r"serves|offers|would suit)\b"
)
_BOOKED = r"\b(booked|reserved|confirmed|booking (was|is|has been) \w+|all set|successful(ly)?)\b"
_REFERENCE = (
    r"\b(?!TR\d)(?=[A-Z0-9]*[A-Z])[A-Z0-9]{6,12}\b|(?i:reference\D{0,20}?)\b(?=\w*\d)\w{5,12}\b"
)
_FACTS = {
    "address": r"\baddress\b|\b(located|is) at \d|\b(street|road|lane|avenue|square|terrace)\b",
    "area": r"\b(north|south|east|west|cent(re|er))\b|\barea\b",
    "arriveBy": r"arriv\D{0,20}\d?\d:\d\d",
    "duration": r"\d+ ?min|\bhours?\b|duration|travel time",
    "entrance fee": r"\bfee\b|\bfree\b|pound|£|entrance|entry",
    "food": r"\b(food|cuisine|serv\w+)\b",
    "internet": r"wi-?fi|internet",
    "leaveAt": r"(leav|depart)\D{0,20}\d?\d:\d\d",
    "openhours": r"\bopen|hours|a\.?m\b",
    "parking": r"\bparking",
    "phone": r"\bphone|\d{6,}|\d{4,5} \d{3}",
    "postcode": r"post ?code|\b[a-z]{1,2}\d{1,2}[a-z]? ?\d[a-z]{2}\b|\b[a-z]{2}\d{2}[a-z]{2}\b",
    "price": r"pound|£|\bprice\b|\bcosts?\b",
    "pricerange": r"\b(cheap|moderate|moderately|expensive)\b|price ?range",
    "stars": r"\bstars?\b|rating",
    "trainID": r"\bTR\d{3,5}\b|\btrain id\b",
    "type": r"\btype\b|guest ?house|hotel|\bis an?\b|museum|college|church|park|theatre|club",
}
_VALUES = {
    "area": rf"\b(?:in|on) the ({'|'.join(AREAS)}|center)\b",
    "pricerange": rf"\b({'|'.join(PRICE_RANGES)})(?:ly)?\b",
    "stars": r"\b(\d)[ -]stars?\b",
    "day": rf"\bon ({'|'.join(WEEKDAYS)})\b",
    "food": r"\bserv(?:es|ing) (\w+(?: \w+)?) (?:food|cuisine)\b",
}
_LACKS = r"\b(no|without|not have( free)?|n't have( free)?) {}"
_FLAGS = {"internet": r"(free )?(wi-?fi|internet)", "parking": r"(free )?parking"}


@dataclass(frozen=True, slots=True)
class Heard:
    """One agent utterance as the user understands it.

    Attributes:
        statement: Its sentences that are not questions, joined.
        asked: The slots that its questions are about, always in the same order.
        refused: Whether it says that something was not found or not possible.
        offered: Whether it proposes something that exists.
        booked: Whether it says that a booking was made.
        reference: Whether it gives a reference number.
    """

    statement: str
    asked: tuple[str, ...]
    refused: bool
    offered: bool
    booked: bool
    reference: bool

    def tells(self, slot: str) -> bool:
        """Whether it says the value of that slot."""
        pattern = _FACTS.get(slot, re.escape(slot))
        return re.search(pattern, self.statement, re.IGNORECASE) is not None

    def broken(self, wanted: Mapping[str, str]) -> tuple[str, ...]:
        """The wanted slots that it offers with another value."""
        return tuple(slot for slot, value in wanted.items() if self._breaks(slot, value))

    def _breaks(self, slot: str, value: str) -> bool:
        text = self.statement.lower()
        if slot in _FLAGS:
            return value == "yes" and re.search(_LACKS.format(_FLAGS[slot]), text) is not None
        if slot in ("leaveAt", "arriveBy"):
            return self._breaks_time(slot, value)
        if slot not in _VALUES or re.search(rf"\b{re.escape(value)}", text):
            return False
        found = {SPELLINGS.get(m, m) for m in re.findall(_VALUES[slot], text)}
        return len(found) == 1 and value not in found

    def _breaks_time(self, slot: str, value: str) -> bool:
        """Whether every train offered leaves too early, or arrives too late."""
        late = slot == "arriveBy"
        verb = "arriv" if late else "(?:leav|depart)"
        times = re.findall(rf"{verb}[^\d.?!]{{0,25}}(\d\d:\d\d)", self.statement, re.IGNORECASE)
        return bool(times) and all((t > value) if late else (t < value) for t in times)


@lru_cache(maxsize=4096)  # A user reads its whole dialogue again at every turn.
def hear(text: str) -> Heard:
    """The meaning of an agent's utterance."""
    sentences = re.split(r"(?<=[.!?])\s+", text.strip())
    questions = " ".join(s for s in sentences if s.endswith("?")).lower()
    statement = " ".join(s for s in sentences if not s.endswith("?"))
    reference = re.search(_REFERENCE, statement) is not None
    booked = reference or re.search(_BOOKED, statement, re.IGNORECASE) is not None
    refused = re.search(_REFUSED, statement, re.IGNORECASE) is not None
    return Heard(
        statement=statement,
        asked=tuple(slot for slot, key in _ASKED.items() if re.search(key, questions)),
        refused=refused and not reference,
        offered=not refused and re.search(_OFFERED, text, re.IGNORECASE) is not None,
        booked=booked and (reference or not refused),
        reference=reference,
    )
