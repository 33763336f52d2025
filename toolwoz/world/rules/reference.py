"""Booking references: a code that depends only on the scenario, the seed and the call."""

from __future__ import annotations

from hashlib import blake2b

from toolwoz.world.calls import Call


def booking_reference(scenario_id: str, call: Call, seed: int) -> str:
    """Eight hexadecimal digits. The same call made by two siblings gets the same code."""
    items = sorted(f"{slot}={value}" for slot, value in call.arguments.items())
    text = "\n".join((scenario_id, str(seed), call.tool, *items))
    return blake2b(text.encode(errors="replace"), digest_size=4).hexdigest().upper()
