"""Booking references: a code that depends only on the scenario, the seed and the call."""

from __future__ import annotations

from base64 import b32encode
from hashlib import blake2b

from toolwoz.calls import Call


def booking_reference(scenario_id: str, call: Call, seed: int) -> str:
    """Eight letters and digits. The same call made by two siblings gets the same code."""
    items = sorted((slot, str(value)) for slot, value in call.arguments.items())
    text = repr((scenario_id, seed, call.tool, items))
    return b32encode(blake2b(text.encode(), digest_size=5).digest()).decode()
