"""A model that plays the user, behind any policy."""

from __future__ import annotations

from collections.abc import Sequence

from dialogue.errors import UserError
from dialogue.protocols import Message, Policy

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
        UserError: the model said nothing, or its context is full.
    """
    prompt: list[Message] = [
        {"role": "system", "content": instructions},
        {"role": "user", "content": greeting},
        *({"role": _SWAPPED[m["role"]], "content": m["content"]} for m in messages),
    ]
    completion = await policy(prompt, [], seed=seed)
    if completion is None:
        raise UserError(f"scenario {scenario}: the context of the user's model is full")
    said = str(completion.message.get("content") or "").strip()
    if not said:
        raise UserError(f"scenario {scenario}: the user's model wrote nothing")
    return None if any(token in said for token in hangs_up) else said
