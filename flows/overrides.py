"""Values that a run started in the Prefect UI may change, for itself alone.

The form's fields are these models' fields; :meth:`Overrides.assignments` turns what was filled in
into the ``section.key=value`` of ``dvc exp run -S``, so that params.yaml is never edited.
"""

from __future__ import annotations

import json
import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Source = Literal["synthetic", "multiwoz21", "multiwoz22", "multiwoz24"]
ELSEWHERE = re.compile(r"^engine\.vllm\b|\b(api_key_env|urls?)\b|\\|\$\{")
"""Keys that say where a model is asked, and which variable's content it is sent; vLLM's own
arguments, some of which open files and ports; an escape that could spell a key; and an
interpolation, which DVC resolves, of variables of the environment too."""


def _stays_here(assignment: str) -> str:
    if ELSEWHERE.search(assignment):
        raise ValueError(f"{assignment}: only params.yaml says where and how models are asked")
    return assignment


Assignment = Annotated[str, Field(pattern=r"^[a-z_]+(\.\w+)+=.+$"), AfterValidator(_stays_here)]


def _knob(key: str, description: str, **limits: Any) -> Any:
    """A field of the form that stands for one key of params.yaml."""
    return Field(
        default=None, description=f"{key}. {description}", json_schema_extra={"key": key}, **limits
    )


class Overrides(BaseModel):
    """Values in place of those of params.yaml, for this run alone; what is empty stays.

    The run is then a DVC experiment: it works beside the workspace, whose files it leaves as they
    are, and `dvc exp show` lists it under the name of the flow run.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    test_scenarios: int | None = _knob(
        "evaluate.scenarios.test", "Dialogues on which every policy is reported.", ge=1
    )
    evaluation_seed: int | None = _knob("evaluate.seed", "Of users and sampling.", ge=0)
    temperature: float | None = _knob(
        "evaluate.temperature", "Of sampling in the evaluation; 0 is greedy.", ge=0, le=2
    )
    others: tuple[Assignment, ...] = Field(
        default=(), description="Any other keys of params.yaml, each as section.key=value."
    )

    def assignments(self) -> list[str]:
        """``section.key=value`` of every field that was filled in."""
        found = [
            f"{key}={json.dumps(value)}"
            for name, field in type(self).model_fields.items()
            if isinstance(field.json_schema_extra, dict)
            and (key := field.json_schema_extra.get("key"))
            and (value := getattr(self, name)) is not None
        ]
        return [*found, *self.others]


class RoundOverrides(Overrides):
    """Also those of what comes before the evaluation: corpus, harvest, training."""

    source: Source | None = _knob("fetch.source", "The corpus; multiwoz is downloaded.")
    scenarios: int | None = _knob("harvest.scenarios", "Dialogues that JOSH explores.", ge=1)
    training_seed: int | None = _knob("train.seed", "Of the order of the rows.", ge=0)
