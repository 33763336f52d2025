"""Stage extract: turn trees into the rows that trainers read."""

from __future__ import annotations

from collections.abc import Collection

from flows import paths
from flows.reports import report
from flows.server.runtime import flow, task
from flows.stage import main
from flows.stopped import skip_if_stopped
from josh.tree.store import read_trees
from tasks.extract import plot_lengths, plot_search
from tasks.extract.job import ExtractConfig, extract_sets
from tasks.rounds.sequence import number


@task
def plot(sets: Collection[str], round: str) -> None:
    """Write the data of `dvc plots` for the round's trees and rows; none for a stopped round."""
    files = sorted((paths.TREES / round).glob("*.parquet"))
    folder = paths.PLOTS / round
    plot_search.write(folder / "search.csv", {file.stem: read_trees(file) for file in files})
    lengths = plot_lengths.of_sets(paths.DATASETS / round, sets)
    plot_lengths.write(folder / "lengths.csv", lengths)


@flow
def extract(config: ExtractConfig, round: str) -> None:
    trees, datasets = paths.TREES / round, paths.DATASETS / round
    report_file = paths.report("extract", round)
    if skip_if_stopped(trees, datasets, report_file):
        plot([], round)
        return
    sets = task(extract_sets)(config, trees, datasets)
    record = {name: made.to_json() for name, made in sets.items()}
    figures = {name: {"rows": made.rows} for name, made in sets.items()}
    report(report_file, record, {"extract": figures}, step=number(round))
    plot(config.sets, round)


if __name__ == "__main__":
    main(extract, "extract", items=["round"])
