"""The recorded harvest of the tests: its corpus, its settings, and how it is made again.

``python -m tests.helpers.recording`` writes the recording anew, with the scripted expert, most of
whose calls are spoiled, and prints the digests that the test expects.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from dialogue.endpoints.settings import ModelEndpoint
from dialogue.progress import Listener
from josh.harvesting.scheduler import harvest_all
from josh.search.config import JoshConfig
from services.engines import EngineSettings
from services.engines.recorded import RecordingPolicy, sampling
from services.shards import in_this_process
from tasks.evaluate import job as evaluation
from tasks.evaluate import parts as evaluation_parts
from tasks.extract import job as extract
from tasks.harvest import job as harvest
from tasks.harvest import parts as harvest_parts
from tasks.harvest.explore import starter
from tasks.harvest.summary import SearchSummary
from toolwoz.agents.expert import Expert
from toolwoz.agents.noisy import Noisy
from toolwoz.conversion.conversion import convert
from toolwoz.corpus.multiwoz import read_corpus
from toolwoz.corpus.sources import SyntheticConfig, fetch
from toolwoz.users.agenda import AgendaUser
from toolwoz.users.dialogues import DialogueConfig
from toolwoz.world.scenario import take, write_scenarios

RECORDING = Path(__file__).parents[1] / "golden" / "harvest.jsonl"
DIALOGUE = DialogueConfig("", 1, 40, 4, 4, "agenda", ModelEndpoint())
SEARCH = JoshConfig(beam=4, turns=8, seed=1)
HARVEST = harvest.HarvestConfig("train", 3, 0.7, 2, 8, 0.0, {"josh": SEARCH})
SETS = extract.ExtractConfig(
    {
        "sft": extract.SetConfig("josh", "sft"),
        "kto": extract.SetConfig("josh", "kto"),
        "dpo": extract.SetConfig("josh", "dpo"),
    }
)


def write_corpus(folder: Path) -> Path:
    """Three scenarios of the invented city; returns their folder."""
    size = SyntheticConfig(seed=3, train=3, val=1, test=1)
    conversion = convert(read_corpus(fetch("synthetic", folder / "raw", synthetic=size)), "v2")
    conversion.world.save(folder / "corpus")
    write_scenarios(folder / "corpus" / "scenarios.jsonl", conversion.scenarios)
    return folder / "corpus"


def job(corpus: Path, recording: Path, folder: Path) -> harvest.Job:
    """A harvest from a recording, with its journal and log in `folder`."""
    return harvest.Job(
        config=HARVEST,
        dialogue=DIALOGUE,
        engine=EngineSettings("recorded"),
        model=recording,
        corpus=corpus,
        work=folder / "work",
        logs=folder / "logs",
        name="trees",
    )


def whole_harvest(
    job: harvest.Job, out: Path, listeners: Sequence[Listener] = ()
) -> dict[str, SearchSummary]:
    """The harvest as the stage does it where nothing is shared."""
    harvest_parts.prepare(job, 1)
    in_this_process(partial(harvest_parts.harvest_part, job, listeners=listeners))
    return harvest_parts.gather(job, 1, out)


def whole_evaluation(job: evaluation.Job) -> evaluation.PolicyRuns:
    """The evaluation as the stage does it where nothing is shared."""
    evaluation_parts.prepare(job)
    in_this_process(partial(evaluation_parts.play_part, job))
    return evaluation_parts.gather(job)


def play(folder: Path, recording: Path) -> dict[str, str]:
    """Harvest and extract from a recording, without an engine; the digest of each file."""
    corpus = write_corpus(folder)
    found = whole_harvest(job(corpus, recording, folder), folder / "trees")
    if found["josh"].faults:
        raise AssertionError("the recording lacks an answer")
    extract.extract_sets(SETS, folder / "trees", folder / "datasets")
    files = [folder / "trees" / "josh.jsonl", *sorted((folder / "datasets").iterdir())]
    return {file.name: sha256(file.read_bytes()).hexdigest() for file in files}


async def record(folder: Path, recording: Path) -> None:
    """Play the same harvest with the spoiled expert, and write its answers down."""
    corpus = write_corpus(folder)
    world = DIALOGUE.world(corpus)
    scenarios = {one.id: one for one in take(corpus, "train", HARVEST.scenarios)}
    start = starter(scenarios, DIALOGUE, world, AgendaUser, SEARCH.seed)
    expert = Noisy(Expert(world), 0.6)
    how = sampling(EngineSettings("recorded").of(recording, HARVEST.temperature))
    with RecordingPolicy(expert, recording, model="noisy expert", sampling=how) as policy:
        async for tree in harvest_all(list(scenarios), start, policy, SEARCH):
            if tree.error:
                raise AssertionError(tree.error)


def main() -> None:
    with TemporaryDirectory() as folder:
        asyncio.run(record(Path(folder), RECORDING))
    with TemporaryDirectory() as folder:
        for name, digest in play(Path(folder), RECORDING).items():
            print(f'    "{name}": "{digest}",')


if __name__ == "__main__":
    main()
