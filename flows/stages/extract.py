"""Stage extract: turn trees into the rows that trainers read."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from flows import paths, reports
from flows.server.runtime import flow, task
from flows.stage import main
from flows.stopped import is_passed
from josh.rows.curation import Report
from josh.tree.store import read_trees
from services.mlflow import tracking
from tasks.extract import job as work
from tasks.extract import plot_lengths as lengths
from tasks.extract import plot_search as search
from tasks.extract.job import ExtractConfig
from tasks.rounds import sequence as rounds


@task()
def make_sets(config: ExtractConfig, round: str) -> dict[str, Report]:
    """Write every training set of the round."""
    return work.extract(config, paths.TREES / round, paths.DATASETS / round)


@task()
def tell(found: Mapping[str, Report], round: str) -> None:
    """Write reports/extract/ROUND.json and log it."""
    record = {name: report.to_json() for name, report in found.items()}
    reports.write(paths.report("extract", round), record)
    figures = {f"extract.{name}.rows": report.rows for name, report in found.items()}
    tracking.report(figures, step=rounds.number(round))


@task()
def plot(sets: Collection[str], round: str) -> None:
    """Write what `dvc plots` draws of the round's trees and rows; of a stopped one, nothing."""
    files = sorted((paths.TREES / round).glob("*.parquet"))
    folder = paths.PLOTS / round
    search.write(folder / "search.csv", {file.stem: read_trees(file) for file in files})
    lengths.write(folder / "lengths.csv", lengths.of_sets(paths.DATASETS / round, sets))


@flow
def extract(config: ExtractConfig, round: str) -> None:
    trees, datasets = paths.TREES / round, paths.DATASETS / round
    if is_passed(trees, datasets, paths.report("extract", round)):
        plot([], round)
        return
    tell(make_sets(config, round), round)
    plot(config.sets, round)


if __name__ == "__main__":
    main(extract, "extract", items=["round"])
