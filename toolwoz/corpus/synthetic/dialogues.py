"""The human dialogue of a goal, with the belief state after every system turn."""

from __future__ import annotations

from copy import deepcopy
from random import Random
from typing import Any

from toolwoz.corpus.synthetic.city import City, Row
from toolwoz.corpus.synthetic.goals import GoalDict
from toolwoz.corpus.synthetic.sentences import FACTS, facts, slots, wishes
from toolwoz.world.domains import DOMAINS, ENTITY_KEY

_KINDS = {
    "restaurant": ("a restaurant", "a place to eat"),
    "hotel": ("a hotel", "a place to stay"),
    "attraction": ("an attraction", "a place to visit"),
    "train": ("a train",),
}
_OPENERS = ("i am looking for {}", "can you find {}", "i need {}", "is there {}")
_OFFERS = ("how about {} ?", "{} would suit you .", "i can suggest {} .")
_THANKS = ("thank you , that is all . goodbye .", "great , that is everything . bye .")
_FAREWELLS = ("you are welcome . goodbye .", "enjoy your visit .")


class _Log:
    """The turns so far and the belief state after them."""

    def __init__(self) -> None:
        self.turns: list[dict[str, Any]] = []
        self._belief: dict[str, Any] = {
            domain: {"book": {"booked": []}, "semi": {}} for domain in DOMAINS
        }

    def believe(self, domain: str, part: str, values: dict[str, Any]) -> None:
        self._belief[domain][part].update(values)

    def turn(self, user: str, system: str) -> None:
        self.turns.append({"text": user, "metadata": {}})
        self.turns.append({"text": system, "metadata": deepcopy(self._belief)})


def write_log(city: City, goal: GoalDict, rng: Random) -> list[dict[str, Any]]:
    """The turns, user first, in the layout of MultiWOZ's ``log``."""
    log = _Log()
    for domain, part in goal.items():
        row = _search(log, city, domain, part, rng)
        if "book" in part:
            _book(log, domain, part, row, rng)
        if part.get("reqt"):
            answer = " , ".join(f"{FACTS[slot]} is {row[slot]}" for slot in part["reqt"])
            log.turn(f"can you tell me {facts(part['reqt'])} ?", f"{answer} .")
    log.turn(rng.choice(_THANKS), rng.choice(_FAREWELLS))
    return log.turns


def _search(log: _Log, city: City, domain: str, part: GoalDict, rng: Random) -> Row:
    opener = rng.choice(_OPENERS).format(rng.choice(_KINDS[domain]))
    if part["fail_info"]:
        log.believe(domain, "semi", part["fail_info"])
        log.turn(f"{opener} {wishes(part['fail_info'])} .", "sorry , there is none .")
        opener = "then how about one"
    row = rng.choice(matches(city, domain, part["info"]))
    log.believe(domain, "semi", part["info"])
    offer = rng.choice(_OFFERS).format(row[ENTITY_KEY[domain]])
    log.turn(f"{opener} {wishes(part['info'])} .", offer)
    return row


def _book(log: _Log, domain: str, part: GoalDict, row: Row, rng: Random) -> None:
    book = {slot: v for slot, v in part["book"].items() if not slot.endswith("invalid")}
    opener = "please book it"
    if part["fail_book"]:
        log.turn(f"{opener} {slots({**book, **part['fail_book']})} .", "sorry , it is full then .")
        opener = "then book it"
    key = ENTITY_KEY[domain]
    reference = "".join(rng.choices("ABCDEFGHJKLMNPQRSTUVWXYZ0123456789", k=8))
    log.believe(domain, "book", {**book, "booked": [{key: row[key], "reference": reference}]})
    log.turn(f"{opener} {slots(book)} .", f"done . your reference number is {reference} .")


def matches(city: City, domain: str, info: dict[str, str]) -> list[Row]:
    """The rows that satisfy every constraint: times as bounds, other values by equality."""
    exact = {slot: v for slot, v in info.items() if slot not in ("leaveAt", "arriveBy")}
    return [
        row
        for row in city.rows(domain, exact)
        if row.get("leaveAt", "") >= info.get("leaveAt", "")
        and row.get("arriveBy", "") <= info.get("arriveBy", "99:99")
    ]
