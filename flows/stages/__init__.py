"""The stages of dvc.yaml, one module each: ``python -m flows.stages.NAME``."""
