"""Make and check fine-tuning files for OpenAI-compatible services.

python -m flows.tools.finetune export data/datasets/sft.jsonl --out sft.jsonl
python -m flows.tools.finetune check sft.jsonl --epochs 3 --price 25
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from dialogue.progress import any_terminal
from flows.tools.finetune.checks import faults
from flows.tools.finetune.lines import FrontierError, Line, lines
from flows.tools.finetune.tokens import Tokens, count, counter

SHOWN = 20
"""Number of faults that are listed one by one."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns 0 if a service would take the file."""
    any_terminal()
    options = _parser().parse_args(arguments)
    try:
        if options.command == "export":
            made = list(lines(_read(options.set)))
            text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in made)
            _require(made, len(text.encode()), options)
            options.out.parent.mkdir(parents=True, exist_ok=True)
            options.out.write_text(text, encoding="utf-8")
            print(f"{options.out}: {len(made)} examples")
        else:
            made = _read(options.file)
            _require(made, options.file.stat().st_size, options)
            print(f"{options.file}: {len(made)} examples, nothing wrong with them")
    except (FrontierError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _require(made: Sequence[Line], size: int, options: argparse.Namespace) -> None:
    """Print tokens and cost; refuse a file that a service would refuse."""
    wrong = faults(made, size)
    if not wrong and options.encoding:
        tokens = count(made, counter(options.encoding))
        print(_estimate(tokens, options))
        if tokens.longest > options.max_tokens:
            wrong.append(
                f"its longest text has some {tokens.longest} tokens, and services cut it at "
                f"{options.max_tokens} (--max-tokens): its last answers would not be trained"
            )
    if wrong:
        more = [f"and {len(wrong) - SHOWN} more"] if len(wrong) > SHOWN else []
        raise FrontierError("\n".join(["a service would refuse this:", *wrong[:SHOWN], *more]))


def _estimate(tokens: Tokens, options: argparse.Namespace) -> str:
    text = f"about {tokens.total} tokens, {tokens.longest} in the longest text"
    if options.price is None:
        return f"{text}; --price gives the cost of training"
    cost = tokens.cost(options.epochs, options.price)
    return (
        f"{text}; {options.epochs} epochs at {options.price:g} a million tokens: about {cost:.2f}"
    )


def _read(path: Path) -> list[Any]:
    with path.open(encoding="utf-8") as file:
        return list(_parsed(file, path))


def _parsed(file: Iterable[str], path: Path) -> Iterable[Any]:
    for number, text in enumerate(file, start=1):
        try:
            yield json.loads(text)
        except ValueError as error:
            raise FrontierError(f"{path}, line {number}: no JSON: {error}") from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m flows.tools.finetune", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    commands = parser.add_subparsers(dest="command", required=True)
    export = commands.add_parser("export", help="write a set in the format of the services")
    export.add_argument("set", type=Path, help="set of data/datasets with rows of sft or dpo")
    export.add_argument("--out", type=Path, required=True, help="the file to upload")
    check = commands.add_parser("check", help="say what is wrong with a file")
    check.add_argument("file", type=Path)
    for command in (export, check):
        command.add_argument("--encoding", default="o200k_base", help='"": count no tokens')
        command.add_argument(
            "--max-tokens", type=int, default=65536, help="tokens of a text that are trained"
        )
        command.add_argument("--epochs", type=int, default=3)
        command.add_argument("--price", type=float, help="of a million training tokens")
    return parser


if __name__ == "__main__":
    sys.exit(main())
