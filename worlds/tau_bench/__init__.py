"""τ-bench (arXiv 2406.12045) as a world for JOSH: retail and airline, needs the extra ``tau``.

    domain = Domain.load("retail")
    scenario = domain.scenarios("train")[0]
    episode = await Episode.start(domain, scenario, LLMUser(policy))

Its sparse rewards are not τ-bench's final verdict but the effects that the reference's writing
calls have on the database, one goal each; ``Episode.reward`` is the verdict.
"""

from worlds.tau_bench.domain import Action, Domain, Goal, Scenario
from worlds.tau_bench.episode import Episode, Limits
from worlds.tau_bench.published import read_tasks
from worlds.tau_bench.users import LLMUser, ScriptedUser, User

__all__ = [
    "Action",
    "Domain",
    "Episode",
    "Goal",
    "LLMUser",
    "Limits",
    "Scenario",
    "ScriptedUser",
    "User",
    "read_tasks",
]
