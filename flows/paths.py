"""Where dvc.yaml puts things, relative to the repository's root."""

from pathlib import Path

RAW = Path("data/raw")
CORPUS = Path("data/toolwoz")
TREES = Path("data/trees")
DATASETS = Path("data/datasets")
MODELS = Path("models")
"""The base, and the policy that each round left: ``base``, ``r1``..."""
ARMS = Path("arms")
"""By round, what it starts from and what it trained."""
REPORTS = Path("reports")
PLOTS = REPORTS / "plots"
"""What `dvc plots` draws; dvc.yaml says how."""
EVALUATION = REPORTS / "evaluation"
BENCHMARKS = REPORTS / "benchmarks"
WORK = Path("work")
"""What an interrupted stage continues from; DVC does not know it."""
LOGS = Path("logs")


def start(round: str) -> Path:
    """The policy that a round starts from."""
    return ARMS / round / "start"


def report(stage: str, round: str) -> Path:
    """What DVC compares of a round's stage."""
    return REPORTS / stage / f"{round}.json"
