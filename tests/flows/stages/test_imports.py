"""What a stage imports before it works: a stage without a model does not pay for torch."""

from __future__ import annotations

import subprocess
import sys

HEAVY = {"mlflow", "peft", "prefect", "torch", "transformers", "trl", "vllm"}


def test_no_stage_imports_a_library_of_models_before_it_needs_one() -> None:
    asked = f"""
import importlib, pkgutil, sys
import flows.stages
from flows import params
for stage in pkgutil.iter_modules(flows.stages.__path__):
    importlib.import_module(f"flows.stages.{{stage.name}}")
params.check()
print(sorted({HEAVY} & {{*sys.modules}}))
"""
    found = subprocess.run(
        [sys.executable, "-c", asked], capture_output=True, text=True, check=True
    )
    assert found.stdout == "[]\n"
