"""Look at harvested trees, or make rows of them: ``python -m josh show|html|extract TREES``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from dialogue.progress import any_terminal
from dialogue.strict_json import compact_json
from josh.rows.curation import extract
from josh.rows.extractors import EXTRACTORS
from josh.tree.store import read_trees
from josh.tree.tree import Tree
from josh.view.html import write_page
from josh.view.show import COLOURS, PLAIN, draw, find_node, list_trees, read_node


def main(arguments: list[str] | None = None) -> int:
    """Run a command; returns the exit status."""
    any_terminal()
    options = _parser().parse_args(arguments)
    try:
        for line in options.command(options):
            print(line)
    except BrokenPipeError:  # the reader has seen enough, as with `| head`
        sys.stderr.close()
    except (KeyError, ValueError, OSError) as error:
        print(error.args[0] if isinstance(error, KeyError) else error, file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m josh", description=__doc__.split(":")[0])
    commands = parser.add_subparsers(required=True)
    trees = argparse.ArgumentParser(add_help=False)
    trees.add_argument("trees", type=Path, help="a .jsonl or .parquet file of trees")

    show = commands.add_parser("show", parents=[trees], help="look at trees in the terminal")
    show.add_argument("scenario", nargs="?", help="draw this one; without it, all are listed")
    show.add_argument("--node", help='read this node, such as "0.1.1", from the beginning')
    show.set_defaults(command=_show)

    html = commands.add_parser("html", parents=[trees], help="write a page to look at them in")
    html.add_argument("-o", "--out", type=Path, required=True)
    html.set_defaults(command=_html)

    rows = commands.add_parser("extract", parents=[trees], help="write training rows, JSON lines")
    rows.add_argument("extractor", choices=EXTRACTORS)
    rows.add_argument("-o", "--out", type=Path, required=True)
    rows.set_defaults(command=_extract)
    return parser


def _show(options: argparse.Namespace) -> Iterable[str]:
    trees = read_trees(options.trees)
    colours = COLOURS if sys.stdout.isatty() else PLAIN
    if options.scenario is None:
        one = next(trees, None)
        two = next(trees, None)
        if one is None or two is not None:
            return list_trees(read_trees(options.trees))
        return draw(one, colours)
    tree = _find(trees, options.scenario)
    if options.node is None:
        return draw(tree, colours)
    return read_node(tree, find_node(tree, options.node))


def _find(trees: Iterable[Tree], scenario: str) -> Tree:
    for tree in trees:
        if tree.scenario == scenario:
            return tree
    raise KeyError(f"no tree of scenario {scenario}; show the file alone for a list")


def _html(options: argparse.Namespace) -> Iterator[str]:
    count = write_page(options.out, read_trees(options.trees), title=options.trees.name)
    yield f"{options.out}: {count} trees"


def _extract(options: argparse.Namespace) -> Iterator[str]:
    rows, report = extract(options.extractor, read_trees(options.trees))
    with options.out.open("wb") as file:
        file.writelines(compact_json(row) + b"\n" for row in rows)
    yield json.dumps(report.to_json(), indent=2)


if __name__ == "__main__":
    sys.exit(main())
