"""Invented names, composed of syllables and words, so that no model has memorised them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from random import Random


def words(text: str) -> list[str]:
    """The words of a text: a long list that stays readable."""
    return text.split()


_ONSETS = words("b br c ch d dr f fl g gr h j k kl l m n p pr r s sh st t th tr v w z")
_VOWELS = words("a a a e e e i i i o o o u u ai ea ee oa oo")
_CODAS = ["", "", *words("l ld lm n n nd nt r r rd rn s sk st th x")]
_ADJECTIVES = words(
    "amber bitter blue brass bright broken copper crooked curious dancing drowsy early empty "
    "faded gentle gilded glass grey hidden hollow humble idle iron ivory jolly laughing little "
    "lonely lucky merry midnight mossy painted pale patient quiet rusty salted scarlet secret "
    "silver sleepy smoky spotted sunken twisted velvet wandering wooden woven young"
)
_NOUNS = words(
    "acorn anchor antler apple badger barrel basket bell bramble bridge button candle canary "
    "chestnut clover compass crane crow drum ember falcon feather fennel fern fiddle finch fox "
    "goose hammer hare hazel heron ivy kettle key ladder lantern lark lily magpie maple marigold "
    "mill moon needle oar olive onion orchard otter owl paddle pear pebble pepper pigeon plough "
    "quail quill raven ribbon river robin rope saddle saffron sparrow spoon stag swan thimble "
    "thistle turnip violin walnut whistle willow wren"
)
_EATERIES = words("bistro kitchen diner grill tavern canteen table pantry brasserie cookhouse")
_LODGINGS = words("house lodge inn rest court villa rooms manor")
_STREETS = words("road street lane avenue close way square terrace")
_TOWN_ENDS = words("bridge bury dale fell field ford ham haven mere moor port stead ton vale wick")
_SIGHTS: dict[str, tuple[str, ...]] = {
    "architecture": ("church", "chapel", "tower"),
    "boat": ("boat hire", "river tours", "boatyard"),
    "cinema": ("cinema", "picture house"),
    "college": ("college", "hall"),
    "concerthall": ("concert hall", "music hall"),
    "entertainment": ("fun house", "arcade", "bowling"),
    "gallery": ("gallery", "art rooms"),
    "museum": ("museum", "collection"),
    "nightclub": ("club", "ballroom"),
    "park": ("park", "gardens", "common"),
    "swimmingpool": ("pool", "baths"),
    "theatre": ("theatre", "playhouse"),
    "zoo": ("zoo", "wildlife park"),
}
SIGHT_TYPES: tuple[str, ...] = tuple(_SIGHTS)


class Namer:
    """Draws names; never one that is taken, and none twice."""

    def __init__(self, rng: Random, taken: Iterable[str] = ()) -> None:
        self._rng = rng
        self._taken = set(taken)

    def town(self) -> str:
        return self._fresh(lambda: _invented_word(self._rng, 1) + self._rng.choice(_TOWN_ENDS))

    def street(self) -> str:
        return self._fresh(lambda: f"{_stem(self._rng)} {self._rng.choice(_STREETS)}")

    def restaurant(self) -> str:
        return self._fresh(lambda: _place(self._rng, _EATERIES))

    def hotel(self, kind: str) -> str:
        ends = [*_LODGINGS, "hotel"] if kind == "hotel" else [*_LODGINGS, "guest house"]
        return self._fresh(lambda: _place(self._rng, ends))

    def attraction(self, kind: str) -> str:
        return self._fresh(lambda: f"{_stem(self._rng)} {self._rng.choice(_SIGHTS[kind])}")

    def _fresh(self, draw: Callable[[], str]) -> str:
        while (name := draw()) in self._taken:
            pass
        self._taken.add(name)
        return name


def _invented_word(rng: Random, syllables: int) -> str:
    """An invented word: "dor", "selvoth", "tarineld"."""
    open_ones = "".join(rng.choice(_ONSETS) + rng.choice(_VOWELS) for _ in range(syllables - 1))
    link = rng.choice(("", "", "l", "n", "r")) if open_ones else ""
    return open_ones + link + rng.choice(_ONSETS) + rng.choice(_VOWELS) + rng.choice(_CODAS)


def _stem(rng: Random) -> str:
    """An invented word of one to three syllables, or two or three English words."""
    shape = rng.random()
    if shape < 0.6:
        return _invented_word(rng, rng.choice((1, 2, 2, 3)))
    if shape < 0.8:
        return f"{rng.choice(_ADJECTIVES)} {rng.choice(_NOUNS)}"
    return f"{rng.choice(_NOUNS)} and {rng.choice(_NOUNS)}"


def _place(rng: Random, ends: Sequence[str]) -> str:
    shape = rng.random()
    if shape < 0.15:
        return _invented_word(rng, rng.choice((2, 3)))
    if shape < 0.3:
        return f"the {rng.choice(_ADJECTIVES)} {rng.choice(_NOUNS)}"
    if shape < 0.45:
        return f"{_invented_word(rng, 2)}'s {rng.choice(ends)}"
    return f"{_stem(rng)} {rng.choice(ends)}"
