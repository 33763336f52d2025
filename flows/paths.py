"""Paths of the stages' inputs and outputs in dvc.yaml, relative to the repository's root."""

from pathlib import Path

RAW = Path("data/raw")
CORPUS = Path("data/toolwoz")
TREES = Path("data/trees")
DATASETS = Path("data/datasets")
MODELS = Path("models")
"""Folder of the base and of the policy that each round left: ``base``, ``r1``..."""
ARMS = Path("arms")
"""Folder of each round's policies: the one it starts from and those that it trained."""
REPORTS = Path("reports")
PLOTS = REPORTS / "plots"
"""Folder of the data that `dvc plots` draws as dvc.yaml says."""
EVALUATION = REPORTS / "evaluation"
BENCHMARKS = REPORTS / "benchmarks"
WORK = Path("work")
"""Folder of the state from which an interrupted stage continues; DVC does not know it."""
LOGS = Path("logs")


def start(round: str) -> Path:
    """Folder of the policy that a round starts from."""
    return ARMS / round / "start"


def report(stage: str, round: str) -> Path:
    """Report of a stage in a round, which DVC compares."""
    return REPORTS / stage / f"{round}.json"
