"""``python -m flows.params``: its command line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from dialogue.progress import any_terminal
from flows.params import ParamsError, change, check
from flows.params.place import remove_cut_files, require_dvc_repository
from flows.tools import disk


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    any_terminal()
    parser = argparse.ArgumentParser(prog="python -m flows.params", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("check", help="validate the whole file, and the folder")
    setter = commands.add_parser("set", help="merge a config and overrides into the file")
    setter.add_argument("changes", nargs="+", metavar="[CONFIG ...] key=value")
    options = parser.parse_args(arguments)
    try:
        if options.command == "check":
            found = check()
            require_dvc_repository()
            remove_cut_files()
            if line := disk.warning(found):
                print(line, file=sys.stderr)
            return 0
        names = [word for word in options.changes if "=" not in word]
        overrides = [word for word in options.changes if "=" in word]
        print("\n".join(change(overrides, names)) or "params.yaml: nothing to change")
    except ParamsError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
