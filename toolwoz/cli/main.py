"""``python -m toolwoz``: the commands and the handling of their errors."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from types import ModuleType

from dialogue.errors import Fault
from dialogue.files.download import FetchError
from dialogue.progress import any_terminal
from toolwoz.cli import convert, evaluate, fetch, play, report, show

COMMANDS: dict[str, ModuleType] = {
    "fetch": fetch,
    "convert": convert,
    "show": show,
    "play": play,
    "evaluate": evaluate,
    "report": report,
}
"""Command -> module with ``configure(parser)`` and ``run(args)``; its first docstring line is the
help."""

# Errors that a user can mend: wrong files, folders, names, endpoints. Any other is a bug and keeps
# its traceback.
_USER_ERRORS = (ValueError, OSError, FetchError, Fault)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit status: 0, 1 for a user's error, 130 when interrupted."""
    any_terminal()
    args = _parser().parse_args(argv)
    logging.basicConfig(level=logging.DEBUG if args.verbose else logging.INFO, format="%(message)s")
    for chatty in ("httpx", "httpcore"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    try:
        COMMANDS[args.command].run(args)
    except KeyboardInterrupt:
        print("\nstopped; the same command continues what can be continued", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of the pipe, for example `head`, has ended
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except _USER_ERRORS as error:
        if args.verbose:
            raise
        print(f"toolwoz {args.command}: {error or type(error).__name__}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="toolwoz",
        description="ToolWOZ: tool-calling agents and simulated users, one reward per goal call.",
        epilog="In order: fetch, convert, evaluate, report. `toolwoz COMMAND --help` says more.",
    )
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="log more, and show tracebacks"
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, module in COMMANDS.items():
        summary = (module.__doc__ or "").strip().splitlines()[0]
        command = commands.add_parser(
            name,
            help=summary,
            description=module.__doc__,
            formatter_class=_Formatter,
        )
        module.configure(command)
    return parser


class _Formatter(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Shows defaults, and descriptions as the docstring has them."""
