"""Stage bootstrap: make the base policy that JOSH starts from."""

from __future__ import annotations

from dataclasses import asdict

from flows import paths
from flows.reports import report
from flows.server.runtime import flow, task
from flows.stage import main
from tasks.bootstrap.job import BootstrapConfig, make_base
from tasks.train.recipe import Options
from toolwoz.users.dialogues import DialogueConfig


@flow
def bootstrap(
    config: BootstrapConfig, dialogue: DialogueConfig, source: str, template_kwargs: Options
) -> None:
    out, work = paths.MODELS / "base", paths.WORK / "bootstrap"
    trained = task(make_base)(
        config,
        dialogue,
        paths.CORPUS,
        out,
        source=source,
        work=work,
        template_kwargs=template_kwargs,
    )
    record = {phase: asdict(figures) for phase, figures in trained.items()}
    report(paths.REPORTS / "bootstrap.json", record, {"bootstrap": record})


if __name__ == "__main__":
    main(bootstrap, "bootstrap", "dialogue", "fetch.source", "engine.template_kwargs")
