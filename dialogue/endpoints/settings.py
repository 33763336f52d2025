"""A model at an endpoint as a configuration names it, and the key that opens the endpoint."""

from __future__ import annotations

from dataclasses import dataclass

from dialogue.bounds import Amount, Duration, Positive


@dataclass(frozen=True, slots=True)
class ModelEndpoint:
    """A model at an OpenAI-compatible endpoint.

    Attributes:
        url: Address of the endpoint, up to and with ``/v1``; "" for none.
        model: Name that the endpoint knows the model by.
        api_key_env: Name of the environment variable that holds the endpoint's key; "" for none.
        temperature: Temperature of sampling; 0 is greedy.
        max_tokens: Most tokens of one message.
        timeout: Seconds that one answer may take, to its last byte.
    """

    url: str = ""
    model: str = ""
    api_key_env: str = ""
    temperature: Amount = 0.7
    max_tokens: Positive = 256
    timeout: Duration = 120.0


def clean_key(text: str, source: str) -> str:
    """A key as it may stand in a header: without the white space around it.

    Raises:
        ValueError: a header cannot hold it; ``source`` is where it came from, the key is not said.
    """
    key = text.strip()
    if not (key.isascii() and key.isprintable()):
        raise ValueError(
            f"the key in {source} has a line break, a control character or one beyond ASCII in "
            "it: put the key there alone, as the endpoint's owner gave it"
        )
    return key
