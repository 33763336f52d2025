"""Show a scenario: what the user wants, the goal calls, the human dialogue."""

from __future__ import annotations

import argparse
import sys

from toolwoz.cli import folders
from toolwoz.evaluation.transcript import Transcript


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("scenario", metavar="SCENARIO", help="its id, such as PMUL0006")
    folders.configure(parser)


def run(args: argparse.Namespace) -> None:
    scenario = folders.open_data(args).scenario(args.scenario)
    transcript = Transcript(colour=sys.stdout.isatty())
    print(transcript.scenario(scenario), transcript.human(scenario), sep="\n\n")
