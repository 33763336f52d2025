"""The ToolWOZ benchmark: a policy against simulated users, in a world of databases and tools."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dialogue.protocols import Policy
from toolwoz.evaluation.runs.result import Result
from toolwoz.evaluation.runs.runner import PerScenario, Start, run
from toolwoz.world.episode import SYSTEM_PROMPT, Episode, UserSimulator
from toolwoz.world.scenario import Scenario
from toolwoz.world.world import World


async def evaluate(
    policy: Policy | PerScenario,
    scenarios: Iterable[Scenario],
    world: World,
    user: Callable[[int], UserSimulator],
    *,
    concurrency: int,
    trials: int = 1,
    seed: int = 0,
    out: Path | None = None,
    system_prompt: str = SYSTEM_PROMPT,
    configuration: Mapping[str, Any] | None = None,
) -> list[Result]:
    """Play ``trials`` dialogues of every scenario; results by scenario, then trial.

    Args:
        policy: The agent, the same for all scenarios or made for each.
        scenarios: Scenarios of the world's mode.
        world: Databases, tools and limits.
        user: Makes the user of one dialogue from a seed, so that trials differ: ``AgendaUser``.
        concurrency, trials, seed, out: As of :func:`toolwoz.evaluation.runs.runner.run`.
        system_prompt: The policy's first message; none if empty.
        configuration: What the results depend on and this function cannot see: the names of the
            policy and the user, the data's version.

    Raises:
        RecordError: ``out`` holds another run's results, or damaged ones.
    """

    seen = {
        "mode": world.mode,
        "limits": asdict(world.limits),
        "max_results": world.max_results,
        "system_prompt": system_prompt,
    }
    return await run(
        policy,
        scenarios,
        starter(world, user, system_prompt),
        concurrency=concurrency,
        trials=trials,
        seed=seed,
        out=out,
        configuration={**(configuration or {}), **seen},
    )


def starter(
    world: World, user: Callable[[int], UserSimulator], system_prompt: str = SYSTEM_PROMPT
) -> Start:
    """What begins a dialogue of ToolWOZ: the user and the world's references have its seed."""

    async def start(scenario: Scenario, seed: int) -> Episode:
        return await Episode.start(
            scenario, world, user(seed), system_prompt=system_prompt, seed=seed
        )

    return start
