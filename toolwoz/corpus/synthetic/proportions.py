"""Proportions of the real corpus, which the synthetic goals follow.

Every number was counted on the 7,849 MultiWOZ 2.1 goals without taxi, police and hospital.
"""

from __future__ import annotations

from itertools import combinations

# Domains of a dialogue, whether each is booked, and the number of such goals in the real corpus.
SHAPES: tuple[tuple[tuple[str, ...], tuple[bool, ...], int], ...] = (
    (("restaurant",), (False,), 852),
    (("restaurant",), (True,), 459),
    (("hotel",), (False,), 172),
    (("hotel",), (True,), 464),
    (("attraction",), (False,), 150),
    (("train",), (False,), 172),
    (("train",), (True,), 173),
    (("restaurant", "hotel"), (False, False), 88),
    (("restaurant", "hotel"), (False, True), 114),
    (("restaurant", "hotel"), (True, False), 139),
    (("restaurant", "hotel"), (True, True), 229),
    (("restaurant", "attraction"), (False, False), 187),
    (("restaurant", "attraction"), (True, False), 357),
    (("restaurant", "train"), (False, False), 209),
    (("restaurant", "train"), (False, True), 206),
    (("restaurant", "train"), (True, False), 366),
    (("restaurant", "train"), (True, True), 406),
    (("hotel", "attraction"), (False, False), 215),
    (("hotel", "attraction"), (True, False), 327),
    (("hotel", "train"), (False, False), 238),
    (("hotel", "train"), (False, True), 256),
    (("hotel", "train"), (True, False), 423),
    (("hotel", "train"), (True, True), 453),
    (("attraction", "train"), (False, False), 602),
    (("attraction", "train"), (False, True), 592),
)
HOTEL_SLOTS = ("area", "internet", "parking", "pricerange", "stars", "type")
# Constraint sets of a domain's search and their weights.
INFO: dict[str, tuple[tuple[tuple[str, ...], float], ...]] = {
    "restaurant": (
        (("area", "food", "pricerange"), 33.1),
        (("area", "pricerange"), 18.8),
        (("food", "pricerange"), 17.4),
        (("name",), 15.6),
        (("area", "food"), 15.2),
    ),
    "hotel": (
        (("name",), 20.5),
        *((slots, 40.5 / 20) for slots in combinations(HOTEL_SLOTS, 3)),
        *((slots, 39.0 / 15) for slots in combinations(HOTEL_SLOTS, 4)),
    ),
    "attraction": (
        (("area", "type"), 39.3),
        (("type",), 20.9),
        (("name",), 20.0),
        (("area",), 19.8),
    ),
    "train": (
        (("departure", "destination", "day", "arriveBy"), 53.3),
        (("departure", "destination", "day", "leaveAt"), 46.7),
    ),
}
# The share of goals whose first search must fail. In the real corpus 0.292, 0.340, 0.344 do; the
# numbers here are higher as some constraints (an area, a price range) match a row for any value.
FAIL_INFO = {"restaurant": 0.39, "hotel": 0.36, "attraction": 0.56, "train": 0.0}
FAIL_BOOK = {"restaurant": {"time": 0.186, "day": 0.060}, "hotel": {"stay": 0.163, "day": 0.058}}
REQUESTS: dict[str, dict[str, int]] = {
    "restaurant": {
        "phone": 53,
        "address": 52,
        "postcode": 32,
        "food": 10,
        "area": 9,
        "pricerange": 9,
    },
    "hotel": {"postcode": 41, "phone": 39, "address": 38, **dict.fromkeys(HOTEL_SLOTS, 18)},
    "attraction": {
        "phone": 45,
        "postcode": 43,
        "entrance fee": 42,
        "address": 40,
        "area": 15,
        "type": 14,
    },
    "train": {"duration": 51, "price": 50, "trainID": 47, "leaveAt": 29, "arriveBy": 23},
}
SAME_DAY = 0.59
