"""Seeds that depend on what they are for, and on nothing else: not on order, process or machine."""

from __future__ import annotations

from hashlib import blake2b


def stable_seed(*parts: str | int) -> int:
    """A seed of 31 bits, the same for the same parts everywhere.

    Parts are told apart by type and length, so ``("1", "2")``, ``("12",)`` and ``(1, 2)`` differ.
    """
    digest = blake2b(repr(parts).encode("utf-8", "backslashreplace"), digest_size=4).digest()
    return int.from_bytes(digest, "big") >> 1


def call_seed(run: int, scenario: str, place: str) -> int:
    """The seed of one model call of a search, of 31 bits; the same in every run of that seed.

    Args:
        run: Seed of the run.
        scenario: Id of the scenario.
        place: Name of the call within the scenario.
    """
    digest = blake2b(f"{run}\0{scenario}\0{place}".encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") >> 1
