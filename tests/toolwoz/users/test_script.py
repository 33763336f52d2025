"""The user that replays the human."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from dialogue.protocols import Message
from toolwoz.conversion.conversion import Conversion
from toolwoz.users.script import ScriptUser
from toolwoz.world.scenario import Mode, Scenario


def test_it_says_what_the_human_said_and_hangs_up(synthetic: Mapping[Mode, Conversion]) -> None:
    for scenario in synthetic["v2"].scenarios[:20]:
        messages: list[Message] = []
        said = []
        while (utterance := asyncio.run(ScriptUser()(scenario, messages))) is not None:
            said.append(utterance)
            messages.append({"role": "user", "content": utterance})
            messages.append({"role": "assistant", "content": "Hm."})
        assert tuple(said) == scenario.human[::2]


def test_without_a_human_dialogue_there_is_nothing_to_say() -> None:
    with pytest.raises(ValueError, match="agenda user"):
        asyncio.run(ScriptUser()(Scenario("X1", "test", "v2", (), ()), []))
