"""A training without a terminal says how far it is, a line at every logging step."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest
from transformers import PrinterCallback, ProgressCallback, Trainer, TrainingArguments

from tasks.train.logs.lines import Lines, log_progress
from tests.tasks.train.logs.line import Line

STEP = r"training: step {} of 4, loss \d+\.\d{{3}}"


def trainer(folder: Path, *, bar: bool) -> Trainer:
    options = {"max_steps": 4, "logging_steps": 2, "save_steps": 3, "use_cpu": True}
    args = TrainingArguments(str(folder), report_to="none", disable_tqdm=not bar, **options)
    return Trainer(Line(), args, train_dataset=[{"x": float(i)} for i in range(1, 9)])


def test_steps_loss_and_what_is_left(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    training = trainer(tmp_path, bar=False)
    log_progress(training)
    with caplog.at_level(logging.INFO, "tasks.train.logs.lines"):
        training.train()
    first, second = caplog.messages
    assert re.fullmatch(STEP.format(2) + ", less than a minute left", first)
    assert re.fullmatch(STEP.format(4), second)
    assert capsys.readouterr().out == ""


def test_a_run_that_goes_on_counts_from_where_it_does(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    trainer(tmp_path, bar=False).train()
    training = trainer(tmp_path, bar=False)
    log_progress(training)
    with caplog.at_level(logging.INFO, "tasks.train.logs.lines"):
        training.train(resume_from_checkpoint=str(tmp_path / "checkpoint-3"))
    assert [re.match(r"training: step (\d)", line)[1] for line in caplog.messages] == ["4"]  # type: ignore[index]


def test_a_bar_stays(tmp_path: Path) -> None:
    training = trainer(tmp_path, bar=True)
    log_progress(training)
    kinds = {type(one) for one in training.callback_handler.callbacks}
    assert ProgressCallback in kinds
    assert not kinds & {Lines, PrinterCallback}
