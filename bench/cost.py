"""Cost of a harvest of another size, from a measured one.

    python -m bench.cost reports/harvest/r1.json --dialogues 100000 --price 3

The tokens of a dialogue are those of the report; how fast a GPU writes and reads them is an
assumption that you give. So is the share of the prompt that the prefix cache holds, which a report
does not have, as it differs from run to run: the harvest's log has it. Where that is unknown, every
prompt token counts, and the cost is an upper bound. Prints JSON.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def cost(found: Mapping[str, float], options: argparse.Namespace) -> dict[str, Any]:
    """Tokens, GPU-hours, price, and hours on each number of GPUs, of one search."""
    each = options.dialogues / found["trees"]
    written = each * found["completion_tokens"]
    read = each * found["prompt_tokens"] * (1 - (options.cached or 0.0))
    hours = (written / options.writes + read / options.reads) / 3600
    return {
        "written_tokens_a_dialogue": round(written / options.dialogues),
        "cached_share": options.cached,
        "read_tokens_a_dialogue": round(read / options.dialogues),
        "million_tokens_written": round(written / 1e6),
        "million_tokens_read": round(read / 1e6),
        "gpu_hours": round(hours, 1),
        "price": round(hours * options.price, 1),
        "hours_on": {gpus: round(hours / gpus, 2) for gpus in options.gpus},
    }


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("report", type=Path, help="reports/harvest/r1.json of a measured harvest")
    parser.add_argument("--dialogues", type=int, default=100_000)
    parser.add_argument("--writes", type=float, default=5000, help="tokens a GPU writes per second")
    parser.add_argument("--reads", type=float, default=40_000, help="tokens a GPU reads per second")
    parser.add_argument(
        "--cached",
        type=float,
        help="share of the prompt tokens in the prefix cache, from the harvest's log; else unknown",
    )
    parser.add_argument("--price", type=float, default=0.0, help="price of one GPU-hour")
    parser.add_argument("--gpus", type=int, nargs="+", default=[1, 8, 64])
    options = parser.parse_args(arguments)
    report = json.loads(options.report.read_text(encoding="utf-8"))
    print(json.dumps({name: cost(found, options) for name, found in report.items()}, indent=2))


if __name__ == "__main__":
    main()
