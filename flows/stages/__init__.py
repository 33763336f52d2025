"""One module a stage of dvc.yaml: ``python -m flows.stages.NAME``."""
