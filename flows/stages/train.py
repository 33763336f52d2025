"""Stages train and continue: `python -m flows.stages.train ROUND ARM`, one run per arm."""

from __future__ import annotations

from dataclasses import asdict

from flows import paths
from flows.reports import report
from flows.server.runtime import flow, task
from flows.stage import main
from flows.stopped import skip_if_stopped
from tasks.rounds.sequence import number
from tasks.train.job import Options, TrainConfig, train_arm


@flow
def train(config: TrainConfig, template_kwargs: Options, round: str, arm: str) -> None:
    datasets, arms = paths.DATASETS / round, paths.ARMS / round
    report_file = paths.report(f"train/{round}", arm)
    if skip_if_stopped(datasets, arms / config.place(arm), report_file):
        return
    work = paths.WORK / "train" / round / arm
    done = task(train_arm)(config, arm, arms, datasets, work=work, template_kwargs=template_kwargs)
    record = asdict(done)
    report(report_file, record, {"train": {arm: record}}, step=number(round))


if __name__ == "__main__":
    main(train, "train", "engine.template_kwargs", items=["round", "arm"])
