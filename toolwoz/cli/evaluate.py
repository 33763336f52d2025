"""Evaluate a policy: play many dialogues at once and write the results.

The folder gets results.jsonl, metrics.json, scenarios.jsonl and report.html. An
interrupted run continues when the same command is given again; finished dialogues are kept.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence
from pathlib import Path

from toolwoz.cli import folders, policies, users
from toolwoz.conversion.dataset import digest
from toolwoz.evaluation.runs.result import Result
from toolwoz.world.scenario import Scenario

PUBLISHED = 450


def configure(parser: argparse.ArgumentParser) -> None:
    policies.configure(parser, required=True)
    users.configure(parser)
    folders.configure(parser)
    parser.add_argument("--split", choices=("train", "val", "test"), default="test")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the run")
    parser.add_argument("--trials", type=int, default=1, metavar="K", help="dialogues per scenario")
    parser.add_argument(
        "--concurrency", type=int, default=16, metavar="N", help="dialogues in progress at a time"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the run")
    parser.add_argument("--limit", type=int, metavar="N", help="only the first N scenarios, by id")
    parser.add_argument(
        "--test-450",
        action="store_true",
        help=f"only the first {PUBLISHED} test scenarios, the published code's default",
    )


def run(args: argparse.Namespace) -> None:
    for name in ("trials", "concurrency", "limit"):
        if (value := getattr(args, name)) is not None and value < 1:
            raise ValueError(f"--{name} must be 1 or more, not {value}")
    data = folders.open_data(args)
    scenarios = _chosen(args, data)
    results = asyncio.run(_play(args, data, scenarios))
    _report(args.out, results)


def _chosen(args: argparse.Namespace, data: folders.Data) -> list[Scenario]:
    if args.test_450 and args.split != "test":
        raise ValueError(f"--test-450 is about the test split, not {args.split}")
    scenarios = data.scenarios(args.split)
    return scenarios[: PUBLISHED if args.test_450 else None][: args.limit]


async def _play(
    args: argparse.Namespace, data: folders.Data, scenarios: Sequence[Scenario]
) -> list[Result]:
    from toolwoz.evaluation.runs.benchmark import evaluate

    async with (
        policies.open_policy(args, data.world) as policy,
        users.open_user(args, scenarios) as user,
    ):
        return await evaluate(
            policy.policy,
            scenarios,
            data.world,
            user.make,
            concurrency=args.concurrency,
            trials=args.trials,
            seed=args.seed,
            out=args.out,
            configuration={
                **policy.configuration,
                **user.configuration,
                "split": args.split,
                "data": digest(data.folder),
            },
        )


def _report(out: Path, results: Sequence[Result]) -> None:
    """Write the metrics and the report, and print them."""
    from toolwoz.evaluation.table import result_table
    from toolwoz.report import REPORT, lines, read_policy_run, write_metrics, write_report

    result_table(results)
    arm = read_policy_run(out)
    write_metrics(out, arm)
    write_report(out / REPORT, [arm])
    print(*lines([arm]), f"browse it: {out / REPORT}", sep="\n")
    if not arm.metrics.dialogues:
        raise ValueError(f"no dialogue could be scored: {results[0].error}")
