"""The share of the prompt that was cached: what a server tells, else unknown and never 0."""

from __future__ import annotations

import asyncio

import pytest

from dialogue.endpoints.client import ChatClient
from services.engines.metered import Metered
from tests.helpers.chat_server import said, serving
from tests.helpers.http_server import Reply

TOLD = said()
SILENT = {**said(), "usage": {"prompt_tokens": 12, "completion_tokens": 5}}


@pytest.mark.parametrize(
    ("answers", "share"),
    [([], None), ([SILENT], None), ([TOLD], 8 / 12), ([SILENT, TOLD], 8 / 24)],
    ids=["no answer", "untold", "told", "told at last"],
)
def test_the_share_is_known_if_an_answer_tells_it(
    answers: list[dict[str, object]], share: float | None
) -> None:
    async def ask(url: str) -> Metered:
        async with ChatClient(url, "m") as client:
            metered = Metered(client)
            for _ in answers:
                await metered([{"role": "user", "content": "hi"}], [], seed=0)
            return metered

    with serving(*(Reply(answer) for answer in answers)) as server:
        assert asyncio.run(ask(server.url)).cached == share
