"""A check of one card, in under ten minutes: ``make gpu-check``.

    python -m bench.gpu_check --model Qwen/Qwen3-0.6B --out reports/gpu_check.json
    python -m bench.gpu_check --device cpu --small

Tells the machine, and measures a harvest against vLLM's own offline throughput, a step of training,
and an adapter that vLLM serves. Without ``--model`` it is a random Llama of 0.9 billion weights,
made here. Each part is a process with a time limit of its own. Writes one JSON, in which a part
that failed has its ``error``; the exit status is then 1.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from dialogue.files import write_whole
from services.processes import reaped

LIMITS = {"machine": 60, "model": 90, "harvest": 190, "training": 110, "adapter": 140}
"""Part -> seconds that it may take; 590 in all."""
LAST_WORDS = 2000
"""Number of characters of a failed part's output that are kept."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run every part; the status is 1 if one failed."""
    options = _parser().parse_args(arguments)
    if options.part:
        from bench.gpu_check.parts import PARTS

        found = PARTS[options.part](options)
        (options.folder / f"{options.part}.json").write_text(json.dumps(found))
        return 0
    with TemporaryDirectory(prefix="gpu-check-") as folder:
        options.folder = Path(folder)
        parts = {name: _part(name, options) for name in options.only}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    asked = {"model": options.model or "random", "device": options.device, "small": options.small}
    write_whole(options.out, json.dumps({**asked, "parts": parts}, indent=2) + "\n")
    print(f"written: {options.out}")
    return int(any("error" in part for part in parts.values()))


def _part(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """What a part found, or its ``error``; and the seconds that it took."""
    began, log = time.monotonic(), options.folder / f"{name}.log"
    limit = LIMITS[name] * options.patience
    with log.open("wb") as output:
        process = subprocess.Popen(
            _command(name, options), stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
        with reaped([process]):
            try:
                status: int | None = process.wait(limit)
            except subprocess.TimeoutExpired:
                status = None
    if status == 0:
        found = json.loads((options.folder / f"{name}.json").read_text())
    else:
        why = f"took more than {limit:.0f} s" if status is None else f"ended with status {status}"
        words = log.read_text(encoding="utf-8", errors="replace").strip()[-LAST_WORDS:]
        found = {"error": f"{why}: {words}"}
    found["part_seconds"] = round(time.monotonic() - began, 1)
    shown = {key: value for key, value in found.items() if not isinstance(value, dict)}
    print(f"{name}: {json.dumps(shown)}", flush=True)
    return found


def _command(name: str, options: argparse.Namespace) -> list[str]:
    line = [sys.executable, "-m", "bench.gpu_check", f"--part={name}", f"--folder={options.folder}"]
    line += [f"--model={options.model}", f"--device={options.device}"]
    return [*line, "--small"] if options.small else line


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.gpu_check", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--model", default="", help='a folder or a model of the Hub; "": random')
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--small", action="store_true", help="little of everything: does it run?")
    parser.add_argument("--patience", type=float, default=1.0, help="factor of the time limits")
    parser.add_argument("--only", nargs="+", choices=LIMITS, default=list(LIMITS))
    parser.add_argument("--out", type=Path, default=Path("reports/gpu_check.json"))
    parser.add_argument("--part", choices=LIMITS, help=argparse.SUPPRESS)  # in its own process
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    sys.exit(main())
