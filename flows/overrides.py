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
SENDS = ("api_key_env", "urls?", "report_to", "push_to_hub", r"hub_\w+", r"trackio_\w+")
"""Keys that say where models are asked and what is sent, with which secret."""
PLACES = (
    *("source", "pretrained", "recording", "accelerate", r"\w+_dir", "resume_from_checkpoint"),
    *("chat_template_path", "base_model_name_or_path"),
)
"""Keys whose values are files and folders, of any place of the machine, or models of the Hub."""
RUNS = (
    *(
        r"vllm(?=\s*[.:=\"'])",
        "deepspeed",
        "fsdp_config",
        "accelerator_config",
        "model_init_kwargs",
    ),
    *("auto_mapping", "megatron_core", "megatron_config"),
)
"""Keys whose values name code, or files that do: options of vLLM, accelerate, and modules. As a
value, vllm is a backend."""
REFUSED = re.compile(rf"\b({'|'.join((*SENDS, *PLACES, *RUNS))})\b|\\|\$\{{")
"""Those keys, wherever they stand; an escape that could spell one; and an interpolation, which DVC
resolves, of variables of the environment too."""


def _stays_here(assignment: str) -> str:
    if found := REFUSED.search(assignment):
        raise ValueError(
            f"{assignment}: {found[0]} is not for this form: only params.yaml says what is read "
            "from elsewhere, is sent elsewhere, or runs code"
        )
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
