"""Share of vLLM's own throughput that a harvest gets, with a real policy and engine in process.

    python -m bench.throughput data/toolwoz --model models/base --scenarios 30

Plays the harvest of params.yaml, with its engine and its search `josh`, and notes every prompt.
Then gives all these prompts to the same engine at once, with an empty prefix cache, as vLLM's
offline `generate` does: no dialogue, no template, no waiting for one another. Prints JSON. Other
work on the machine slows both, so the share is also told by seconds of processor time.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer

from dialogue.protocols import Policy
from flows.params import load_section
from josh.harvesting.scheduler import harvest_all
from josh.tree.tree import Tree
from services.engines import EngineConfig, vllm_engine, vllm_settings
from services.engines.local import LocalPolicy
from services.engines.loop import EngineLoop, Sample
from services.engines.metered import Metered
from services.engines.vllm_engine import VllmEngine
from tasks.harvest.explore import starter
from tasks.harvest.job import HarvestConfig
from toolwoz.users.agenda import AgendaUser
from toolwoz.world.scenario import take


class Noted:
    """An engine that notes what it is asked, and asks itself the same again before it closes."""

    def __init__(self, engine: VllmEngine) -> None:
        self.engine = engine
        self.asked: list[tuple[Any, ...]] = []
        self.batches: list[int] = []
        self.waiting = 0
        self.offline: dict[str, float] = {}
        self.seconds_in_steps = 0.0

    def add(self, key: int, prompt: Sequence[int], seed: int, *rest: str) -> None:
        self.asked.append((key, prompt, seed, *rest))
        self.waiting += 1
        self.engine.add(key, prompt, seed, *rest)

    def abort(self, key: int) -> None:
        self.waiting -= 1
        self.engine.abort(key)

    def step(self) -> Mapping[int, Sample]:
        began = time.perf_counter()
        self.batches.append(self.waiting)
        done = self.engine.step()
        self.waiting -= len(done)
        self.seconds_in_steps += time.perf_counter() - began
        return done

    def forget(self) -> None:
        """Start anew, between harvests."""
        self.asked.clear()
        self.batches.clear()
        self.seconds_in_steps = 0.0
        self.engine._engine.reset_prefix_cache()

    def close(self) -> None:
        self.offline = measured(self._generate)
        self.engine.close()

    def _generate(self) -> list[Sample]:
        self.engine._engine.reset_prefix_cache()
        for request in self.asked:
            self.engine.add(*request)
        samples: list[Sample] = []
        while len(samples) < len(self.asked):
            samples += self.engine.step().values()
        return samples


def measured(work: Callable[[], Sequence[Any]]) -> dict[str, float]:
    """What samples or trees cost: wall and processor time, tokens, and tokens by time."""
    wall, cpu = time.perf_counter(), time.process_time()
    found = work()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    tokens = sum(
        one.completion_tokens if isinstance(one, Tree) else len(one.token_ids) for one in found
    )
    return {
        "tokens": tokens,
        "seconds": round(wall, 2),
        "cpu_seconds": round(cpu, 2),
        "tokens_per_s": round(tokens / wall, 1),
        "tokens_per_cpu_s": round(tokens / cpu, 1),
    }


def played(policy: Policy, config: HarvestConfig, data: Path) -> list[Tree]:
    """The trees of a harvest as the stage plays it."""
    dialogue = load_section("dialogue")
    scenarios = {one.id: one for one in take(data, config.split, config.scenarios)}
    search = config.searches["josh"]
    world = dialogue.world(data)

    async def all_trees() -> list[Tree]:
        start = starter(scenarios, dialogue, world, AgendaUser, search.seed)
        limits = config.limits(search)
        harvest = harvest_all(list(scenarios), start, policy, search, limits=limits)
        return [tree async for tree in harvest]

    return asyncio.run(all_trees())


def measure(data: Path, config: HarvestConfig, engine: EngineConfig) -> dict[str, Any]:
    """Both, of the search `josh` over the converted corpus in `data`."""
    os.environ.update({**vllm_engine.ENVIRONMENT, **vllm_settings.environment(engine)})
    noted: list[Noted] = []

    def start() -> Noted:
        noted.append(Noted(vllm_engine.start(engine, Path(engine.model))))
        return noted[0]

    trees: list[Tree] = []
    with EngineLoop(start) as loop:
        tokenizer = AutoTokenizer.from_pretrained(engine.model, trust_remote_code=False)
        policy = LocalPolicy(loop, tokenizer, engine)
        metered = Metered(policy)
        played(policy, replace(config, scenarios=2), data)  # the first steps compile kernels
        noted[0].forget()
        harvest = measured(lambda: trees.extend(played(metered, config, data)) or trees)
    calls = [call for tree in trees for node in tree.nodes for call in node.calls]
    offline = noted[0].offline
    return {
        "scenarios": config.scenarios,
        "calls": len(calls),
        "mean_prompt": round(sum(call.prompt_tokens for call in calls) / len(calls)),
        "cached_share": None if metered.cached is None else round(metered.cached, 3),
        "mean_batch": round(sum(noted[0].batches) / len(noted[0].batches), 1),
        "share_of_time_in_engine": round(noted[0].seconds_in_steps / harvest["seconds"], 3),
        "harvest": harvest,
        "offline": offline,
        "share": round(harvest["tokens_per_s"] / offline["tokens_per_s"], 3),
        "share_by_cpu": round(harvest["tokens_per_cpu_s"] / offline["tokens_per_cpu_s"], 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder of scenarios.jsonl and the world")
    parser.add_argument("--model", required=True, help="its folder")
    parser.add_argument("--scenarios", type=int, default=30)
    options = parser.parse_args()
    config = replace(load_section("harvest"), scenarios=options.scenarios)
    engine = load_section("engine").of(options.model, config.temperature)
    print(json.dumps(measure(options.data, config, engine), indent=2))


if __name__ == "__main__":
    main()
