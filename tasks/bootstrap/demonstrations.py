"""Demonstrations: dialogues of the scripted expert, with or without shortcuts, to train on."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Sequence
from typing import Any

from dialogue.protocols import Policy
from toolwoz.agents.expert import Expert
from toolwoz.agents.shortcut import Shortcut
from toolwoz.evaluation.runs.runner import run
from toolwoz.users.agenda import AgendaUser
from toolwoz.users.dialogues import DialogueConfig
from toolwoz.world.scenario import Scenario
from toolwoz.world.world import World

log = logging.getLogger(__name__)


def demonstrations(
    noise: float,
    dialogue: DialogueConfig,
    world: World,
    scenarios: Sequence[Scenario],
    seed: int,
) -> list[dict[str, Any]]:
    """What the expert did at that rate of shortcuts: ``{"messages", "tools"}``, tools as JSON."""
    demonstrator = Shortcut(Expert(world), noise)
    rows = asyncio.run(_play(demonstrator, scenarios, dialogue, world, seed))
    log.info("%d dialogues were demonstrated", len(rows))
    return rows


async def _play(
    demonstrator: Policy,
    scenarios: Sequence[Scenario],
    dialogue: DialogueConfig,
    world: World,
    seed: int,
) -> list[dict[str, Any]]:
    tools = json.dumps(list(world.tools))
    results = await run(
        demonstrator,
        scenarios,
        lambda scenario, its_seed: dialogue.start(scenario, world, AgendaUser, its_seed),
        concurrency=1,
        seed=seed,
    )
    return [{"messages": list(r.messages), "tools": tools} for r in results if r.scored]
