"""A harvest: what is explored, with which searches, and where it stands until it is done."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated

from pydantic import Discriminator

from dialogue.bounds import Amount, Count, Positive, Share
from dialogue.seeds import stable_seed
from josh.harvesting.journal import journal_key
from josh.harvesting.scheduler import Limits
from josh.search.config import SearchConfig
from services.engines import EngineSettings
from services.fingerprint import fingerprint
from services.names import require_names
from toolwoz.users.dialogues import DialogueConfig
from toolwoz.world.domains import Split
from toolwoz.world.scenario import Scenario, take


@dataclass(frozen=True, slots=True)
class HarvestConfig:
    """The section ``harvest``.

    Attributes:
        split: Split of the scenarios it explores; never the one that is reported.
        scenarios: How many a round; each round has those after the ones of the round before.
        temperature: Temperature of sampling; siblings differ by it alone.
        dialogues: Dialogues in flight.
        branches: Branches in flight that a search with a small beam is to reach: it has more
            dialogues in flight than `dialogues` for it. 0 for `dialogues` of every search.
        calls: Model calls in flight.
        max_faults: Share of dialogues that an engine's failure may cut short; they give no labels.
            With more, the stage fails, and goes on from its journal when it is run again.
        searches: Name -> how dialogues are explored: the keys of ``JoshConfig`` or
            ``RolloutsConfig``, as its ``strategy`` says. Each gives its own file of trees. Each
            round has seeds of its own, made of those given and of its name.
        probe: Number of dialogues, of each part and search, after which a search stops if none
            holds a call that can be read, as no reward can be found; 0 never stops it.
        traces: Golden paths of each search that MLflow keeps as traces; the files have all.
    """

    split: Split
    scenarios: Positive
    temperature: Amount
    dialogues: Positive
    calls: Positive
    max_faults: Share
    searches: Mapping[str, Annotated[SearchConfig, Discriminator("strategy")]]
    traces: Count = 5
    branches: Count = 0
    probe: Count = 8

    def __post_init__(self) -> None:
        require_names("searches", self.searches)

    def limits(self, search: SearchConfig) -> Limits:
        """What one search may have under way."""
        return Limits(max(self.dialogues, self.branches // search.beam), self.calls)


def of_round(config: HarvestConfig, round: str) -> HarvestConfig:
    """The section with seeds that are this round's own."""
    searches = {
        name: replace(search, seed=stable_seed(search.seed, round))
        for name, search in config.searches.items()
    }
    return replace(config, searches=searches)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A harvest, in one process or several.

    Attributes:
        config, dialogue, engine: Sections of params.yaml.
        model: Folder of the policy.
        corpus: Folder of the converted corpus.
        work: Folder of the journals, and of the trees of the parts, until the harvest is done.
        logs: Folder of the engine's log.
        name: Name of the round, for the log.
        skip: Scenarios of the split that the rounds before have had.
    """

    config: HarvestConfig
    dialogue: DialogueConfig
    engine: EngineSettings
    model: Path
    corpus: Path
    work: Path
    logs: Path
    name: str
    skip: int = 0

    def scenarios(self) -> dict[str, Scenario]:
        """What is explored, by id, in order."""
        found = take(self.corpus, self.config.split, self.config.scenarios, self.skip)
        return {scenario.id: scenario for scenario in found}

    def key(self, name: str, scenarios: Iterable[str]) -> str:
        """The name of the journal of one search."""
        return journal_key(
            self.config.searches[name],
            list(scenarios),
            dialogue=asdict(self.dialogue),
            engine=asdict(self.engine.of(self.model, self.config.temperature)),
            files=[fingerprint(self.model), fingerprint(self.corpus)],
        )
