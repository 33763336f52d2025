"""A trained LoRA as a whole model in float32, for what loads no adapters.

python -m flows.tools.merge arms/r1/trained/josh_sft policy
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from dialogue.progress import any_terminal
from services.engines.models.adapters import is_alone
from services.engines.models.merging import export


def main(options: Sequence[str] | None = None) -> int:
    """Merge and say what bfloat16 would keep; returns 1 if there is nothing to merge."""
    any_terminal()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("policy", type=Path, help="folder of a trained LoRA")
    parser.add_argument("out", type=Path, help="folder of the model, which must not exist yet")
    chosen = parser.parse_args(options)
    if chosen.out.exists():
        return _refuse(f"{chosen.out} exists: name a new folder, or remove it")
    if not is_alone(chosen.policy):
        return _refuse(f"{chosen.policy} has no LoRA that stands alone")
    try:
        share = export(chosen.policy, chosen.out)
    except ValueError as error:
        return _refuse(str(error))
    print(f"{chosen.out}: in float32; cast to bfloat16 it keeps {share:.1%} of the update")
    return 0


def _refuse(why: str) -> int:
    print(why, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
