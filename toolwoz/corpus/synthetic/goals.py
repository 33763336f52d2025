"""Random goals in MultiWOZ's layout, all of which the city can fulfil."""

from __future__ import annotations

from random import Random
from typing import Any

from toolwoz.corpus.synthetic import proportions
from toolwoz.corpus.synthetic.city import FOODS, City
from toolwoz.corpus.synthetic.names import SIGHT_TYPES, Namer
from toolwoz.world.domains import AREAS, PRICE_RANGES, WEEKDAYS

GoalDict = dict[str, Any]

_VALUES: dict[tuple[str, str], tuple[str, ...]] = {
    ("restaurant", "food"): tuple(FOODS),
    ("hotel", "type"): ("hotel", "guesthouse"),
}
_SHARED_VALUES: dict[str, tuple[str, ...]] = {
    "area": AREAS,
    "pricerange": PRICE_RANGES,
    "stars": ("0", "1", "2", "3", "4", "5"),
    "internet": ("yes", "no"),
    "parking": ("yes", "no"),
}


def sample_goal(city: City, rng: Random) -> GoalDict:
    """Domain -> goal, in the order in which the user raises them."""
    shapes = proportions.SHAPES
    domains, booked, _ = rng.choices(shapes, [weight for _, _, weight in shapes])[0]
    parts = list(zip(domains, booked, strict=True))
    rng.shuffle(parts)
    people, day = str(rng.randint(1, 8)), rng.choice(WEEKDAYS)
    goal: GoalDict = {}
    for domain, books in parts:
        if rng.random() > proportions.SAME_DAY:
            day = rng.choice(WEEKDAYS)
        goal[domain] = _domain_goal(city, rng, domain, day)
        if books:
            goal[domain] |= _booking(rng, domain, people, day)
        else:
            goal[domain]["reqt"] = _requests(rng, domain, goal[domain]["info"])
    return goal


def _domain_goal(city: City, rng: Random, domain: str, day: str) -> GoalDict:
    row = rng.choice(city.rows(domain, {"day": day} if domain == "train" else {}))
    sets, weights = zip(*proportions.INFO[domain], strict=True)
    slots = rng.choices(sets, weights)[0]
    info = {slot: _constraint(rng, slot, row[slot]) for slot in slots}
    fails = rng.random() < proportions.FAIL_INFO[domain]
    return {"info": info, "fail_info": _failing(city, rng, domain, info) if fails else {}}


def _constraint(rng: Random, slot: str, value: str) -> str:
    """The value; for times a quarter of an hour that is 1 to 60 minutes less strict."""
    if slot not in ("arriveBy", "leaveAt"):
        return value
    minutes = int(value[:2]) * 60 + int(value[3:])
    spare = 15 * rng.randint(0, 3)
    kept = (minutes // 15 + 1) * 15 + spare if slot == "arriveBy" else (minutes - 1) // 15 * 15
    kept = min(kept, 23 * 60 + 45) if slot == "arriveBy" else max(kept - spare, 0)
    return f"{kept // 60:02d}:{kept % 60:02d}"


def _failing(city: City, rng: Random, domain: str, info: dict[str, str]) -> dict[str, str]:
    """The constraints with one value changed so that no row matches; {} where none can fail."""
    if "name" in info:
        return {"name": _unknown_name(city, rng, domain)}
    for slot in sorted(info, key=lambda slot: (slot not in ("food", "type"), rng.random())):
        for value in _shuffled(city, rng, domain, slot):
            tried = {**info, slot: value}
            if not city.rows(domain, tried):
                return tried
    return {}


def _shuffled(city: City, rng: Random, domain: str, slot: str) -> list[str]:
    """Values to try; the tools' schemas lack types of attraction that the city has not."""
    if (domain, slot) == ("attraction", "type"):
        values = sorted({row["type"] for row in city.databases[domain]})
    else:
        values = list(_VALUES.get((domain, slot)) or _SHARED_VALUES[slot])
    return rng.sample(values, len(values))


def _unknown_name(city: City, rng: Random, domain: str) -> str:
    namer = Namer(rng, (row["name"] for row in city.databases[domain]))
    if domain == "restaurant":
        return namer.restaurant()
    if domain == "hotel":
        return namer.hotel(rng.choice(("hotel", "guesthouse")))
    return namer.attraction(rng.choice(SIGHT_TYPES))


def _booking(rng: Random, domain: str, people: str, day: str) -> GoalDict:
    """``book`` and ``fail_book``: the slots that succeed, and the one that fails first."""
    book = {"people": people}
    if domain != "train":
        book["day"] = day
        slot = "time" if domain == "restaurant" else "stay"
        book[slot] = _booking_value(rng, slot)
    failing: dict[str, str] = {}
    chance = rng.random()
    for slot, share in proportions.FAIL_BOOK.get(domain, {}).items():
        if 0 <= chance < share:
            failing = {slot: _other(rng, slot, book[slot])}
        chance -= share
    flags = {"invalid": False, **({"pre_invalid": True} if failing else {})}
    return {"book": {**book, **flags}, "fail_book": failing}


def _booking_value(rng: Random, slot: str) -> str:
    if slot == "time":
        return f"{rng.randint(10, 20)}:{rng.choice(('00', '15', '30', '45'))}"
    return rng.choice(WEEKDAYS) if slot == "day" else str(rng.randint(1, 5))


def _other(rng: Random, slot: str, value: str) -> str:
    while (other := _booking_value(rng, slot)) == value:
        pass
    return other


def _requests(rng: Random, domain: str, info: dict[str, str]) -> list[str]:
    """One to three facts that the constraints do not already say."""
    weights = {s: w for s, w in proportions.REQUESTS[domain].items() if s not in info}
    wanted: list[str] = []
    for _ in range(rng.randint(1, 3)):
        slots = [slot for slot in weights if slot not in wanted]
        wanted += rng.choices(slots, [weights[slot] for slot in slots])
    return wanted
