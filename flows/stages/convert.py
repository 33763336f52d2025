"""Stage convert: dialogues become scenarios that prove themselves."""

from __future__ import annotations

from flows import paths
from flows.reports import report
from flows.server.runtime import flow, task
from flows.stage import main
from tasks.convert import ConvertConfig, convert_corpus


@flow
def convert(config: ConvertConfig) -> None:
    record = task(convert_corpus)(config, paths.RAW, paths.CORPUS)
    figures = {"scenarios": record["scenarios"], "dropped": sum(record["dropped"].values())}
    report(paths.REPORTS / "conversion.json", record, {"convert": figures})


if __name__ == "__main__":
    main(convert)
