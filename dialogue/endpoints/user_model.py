"""A model that plays the user, behind any policy."""

from __future__ import annotations

import re
from collections.abc import Sequence

from dialogue.errors import UserError
from dialogue.messages import spoken
from dialogue.protocols import Message, Policy
from dialogue.seeds import stable_seed

ATTEMPTS = 3
"""How often a model that says nothing is asked for one utterance."""
_SWAPPED = {"user": "assistant", "assistant": "user"}


async def say_as_user(
    policy: Policy,
    instructions: str,
    messages: Sequence[Message],
    *,
    scenario: str,
    seed: int,
    greeting: str,
    hangs_up: Sequence[str],
) -> str | None:
    """The user's next utterance; None once the model hangs up.

    What the model thinks aloud is no part of it. Words before the token that ends the dialogue are
    said, so that the agent can still act on them; asked again, the model writes the token alone.

    Args:
        policy: The model, e.g. a :class:`dialogue.endpoints.client.ChatClient`.
        instructions: Its system prompt.
        messages: What user and agent said so far, user first. The model sees it from its side: the
            user's words are its own.
        scenario: Id of the scenario, for errors.
        seed: Seed of this utterance.
        greeting: What the agent seems to have said before the user's first words.
        hangs_up: What the model may write to end the dialogue.

    Raises:
        UserError: the model said nothing, however often it was asked, or its context is full.
    """
    prompt: list[Message] = [
        {"role": "system", "content": instructions},
        {"role": "user", "content": greeting},
        *({"role": _SWAPPED[m["role"]], "content": m["content"]} for m in messages),
    ]
    for attempt in range(ATTEMPTS):
        asked = stable_seed(seed, attempt) if attempt else seed
        completion = await policy(prompt, [], seed=asked)
        if completion is None:
            raise UserError(f"scenario {scenario}: the context of the user's model is full")
        if said := spoken(str(completion.message.get("content") or "")).strip():
            return _before_hanging_up(said, messages, hangs_up)
    raise UserError(f"scenario {scenario}: the user's model wrote nothing, asked {ATTEMPTS} times")


def _before_hanging_up(
    said: str, messages: Sequence[Message], hangs_up: Sequence[str]
) -> str | None:
    """All of it without a token; else the words before the first, None where there are none."""
    words, *after = re.split("|".join(map(re.escape, hangs_up)), said, maxsplit=1)
    if not after:
        return said
    words = words.rstrip("*_`\"'([ \n\t")
    last = next((m["content"] for m in reversed(messages) if m["role"] == "user"), None)
    # A model that takes its leave again, in the same words, has nothing to add.
    return words if re.search(r"\w", words) and words != last else None
