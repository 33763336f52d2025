"""Where dvc.yaml puts things, relative to the repository's root."""

from pathlib import Path

RAW = Path("data/raw")
CORPUS = Path("data/toolwoz")
TREES = Path("data/trees")
DATASETS = Path("data/datasets")
MODELS = Path("models")
REPORTS = Path("reports")
WORK = Path("work")
"""What an interrupted stage continues from; DVC does not know it."""
LOGS = Path("logs")
