"""A fictional city and its four databases, in MultiWOZ's ``*_db.json`` row layout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from toolwoz.corpus.synthetic.names import SIGHT_TYPES, Namer, words
from toolwoz.world.domains import AREAS, PRICE_RANGES, WEEKDAYS

Row = dict[str, Any]

FOODS = words(
    "african american belgian brazilian british cajun caribbean chinese cuban danish dutch "
    "ethiopian french georgian german greek hungarian indian indonesian irish italian jamaican "
    "japanese korean lebanese malaysian mexican moroccan nepalese persian peruvian polish "
    "portuguese russian scottish seafood spanish steakhouse swedish swiss syrian thai turkish "
    "ukrainian vegetarian vietnamese"
)

N_RESTAURANTS, N_HOTELS, N_ATTRACTIONS = 100, 33, 80
N_FOODS, N_SIGHT_TYPES, N_TOWNS, TRAINS_A_DAY = 26, 9, 10, 20
_FIRST_TRAIN, _LAST_TRAIN = 5 * 60, 21 * 60 + 30  # minutes after midnight


@dataclass(frozen=True)
class City:
    """A city of one seed.

    Attributes:
        name: Name of the city, the hub of all its train lines.
        databases: The rows per domain; all values are strings, as in MultiWOZ.
    """

    name: str
    databases: dict[str, list[Row]]

    def rows(self, domain: str, constraints: Mapping[str, str]) -> list[Row]:
        """The rows with exactly these values."""
        return [row for row in self.databases[domain] if constraints.items() <= row.items()]


@dataclass(frozen=True)
class _Draft:
    """The state shared by the rows of one city while it is generated."""

    rng: Random
    namer: Namer
    postcode: str
    foods: list[str]
    sights: list[str]


def build_city(seed: int) -> City:
    """The city of a seed; another seed gives other names, streets, towns and trains."""
    rng = Random(f"toolwoz synthetic city {seed}")
    namer = Namer(rng)
    name = namer.town()
    draft = _Draft(
        rng,
        namer,
        postcode=name[0] + rng.choice("bdghjklmnprstvw"),
        foods=rng.sample(FOODS, N_FOODS),
        sights=rng.sample(SIGHT_TYPES, N_SIGHT_TYPES),
    )
    databases = {
        "restaurant": [_restaurant(draft, i) for i in range(N_RESTAURANTS)],
        "hotel": [_hotel(draft, i) for i in range(N_HOTELS)],
        "attraction": [_attraction(draft, i) for i in range(N_ATTRACTIONS)],
        "train": _trains(rng, name, [namer.town() for _ in range(N_TOWNS)]),
    }
    return City(name, databases)


def _location(draft: _Draft) -> Row:
    rng = draft.rng
    return {
        "address": f"{rng.randint(1, 180)} {draft.namer.street()}",
        "area": rng.choices(AREAS, (8, 3, 3, 3, 3))[0],
        "location": [round(rng.uniform(51, 53), 5), round(rng.uniform(0, 1), 5)],
        "phone": f"01{rng.randrange(10**9):09d}",
        "postcode": draft.postcode
        + f"{rng.randint(1, 9)}{rng.randint(1, 9)}"
        + "".join(rng.choices("abdefghjlnpqrstuwxyz", k=2)),
    }


def _common_first(rng: Random, values: list[str]) -> str:
    """A random value, the first ones far more often, as in the real corpus."""
    return values[int(rng.expovariate(3 / len(values))) % len(values)]


def _restaurant(draft: _Draft, number: int) -> Row:
    return {
        **_location(draft),
        "food": _common_first(draft.rng, draft.foods),
        "id": str(number),
        "name": draft.namer.restaurant(),
        "pricerange": draft.rng.choices(PRICE_RANGES, (3, 4, 5))[0],
        "type": "restaurant",
    }


def _hotel(draft: _Draft, number: int) -> Row:
    rng = draft.rng
    kind = rng.choices(("guesthouse", "hotel"), (3, 2))[0]
    single = rng.randint(30, 90)
    return {
        **_location(draft),
        "id": str(number),
        "internet": rng.choices(("yes", "no"), (8, 1))[0],
        "name": draft.namer.hotel(kind),
        "parking": rng.choices(("yes", "no"), (7, 1))[0],
        "price": {"single": str(single), "double": str(single + rng.randint(10, 40))},
        "pricerange": rng.choices(PRICE_RANGES, (3, 4, 2))[0],
        "stars": rng.choices("02345", (1, 2, 3, 6, 1))[0],
        "takesbookings": "yes",
        "type": kind,
    }


def _attraction(draft: _Draft, number: int) -> Row:
    rng = draft.rng
    kind = _common_first(rng, draft.sights)
    fee = rng.choice(("free", "free", "?", f"{rng.randint(2, 9)} pounds"))
    return {
        **_location(draft),
        "entrance fee": fee,
        "id": str(number),
        "name": draft.namer.attraction(kind),
        "openhours": f"from {rng.randint(8, 11)} a.m. to {rng.randint(4, 9)} p.m.",
        "pricerange": "free" if fee == "free" else "?",
        "type": kind,
    }


def _trains(rng: Random, hub: str, towns: list[str]) -> list[Row]:
    """The trains of both directions of every line, with the same timetable every day."""
    ids = iter(rng.sample(range(1000, 10000), 2 * len(towns) * len(WEEKDAYS) * TRAINS_A_DAY))
    rows: list[Row] = []
    for town in towns:
        minutes, price = rng.randint(15, 110), f"{rng.randint(400, 8000) / 100:.2f} pounds"
        for departure, destination in ((hub, town), (town, hub)):
            first = _FIRST_TRAIN + rng.randrange(50)
            gap = (_LAST_TRAIN - first) // (TRAINS_A_DAY - 1)
            for day in WEEKDAYS:
                for leave in range(first, first + gap * TRAINS_A_DAY, gap):
                    rows.append(
                        {
                            "arriveBy": _clock(leave + minutes),
                            "day": day,
                            "departure": departure,
                            "destination": destination,
                            "duration": f"{minutes} minutes",
                            "leaveAt": _clock(leave),
                            "price": price,
                            "trainID": f"TR{next(ids)}",
                        }
                    )
    return rows


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"
