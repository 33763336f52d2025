"""A training that was killed has the loss of one that was left alone."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from transformers import Trainer, TrainingArguments

from tasks.train.logs.losses import AtEverySave, mean_loss
from tests.tasks.train.logs.line import Line


def trainer(folder: Path, **options: int | str) -> Trainer:
    args = TrainingArguments(
        str(folder), report_to="none", disable_tqdm=True, use_cpu=True, seed=1, **options
    )
    rows = [{"x": float(i)} for i in range(56)]
    return Trainer(Line(), args, train_dataset=rows, callbacks=[AtEverySave()])


def of_every_step(folder: Path) -> float:
    training = trainer(folder, logging_steps=1, save_strategy="no", num_train_epochs=1)
    outcome = training.train()
    assert outcome.global_step == 7
    return float(outcome.training_loss)


@pytest.mark.parametrize(
    "saves",
    [{"save_steps": 2, "num_train_epochs": 1}, {"save_strategy": "epoch", "num_train_epochs": 1}],
)
def test_it_is_the_mean_of_the_steps(saves: dict[str, int | str], tmp_path: Path) -> None:
    training = trainer(tmp_path / "saving", logging_steps=3, **saves)
    training.train()
    loss = mean_loss(training.state.log_history)
    assert loss == pytest.approx(of_every_step(tmp_path / "plain"))


@pytest.mark.parametrize("checkpoint", [2, 4, 6])
def test_a_run_that_goes_on_has_the_same(checkpoint: int, tmp_path: Path) -> None:
    options = {"logging_steps": 3, "save_steps": 2, "num_train_epochs": 1}
    whole = trainer(tmp_path, **options)
    whole.train()
    second = trainer(tmp_path, **options)
    outcome = second.train(resume_from_checkpoint=str(tmp_path / f"checkpoint-{checkpoint}"))
    assert mean_loss(second.state.log_history) == mean_loss(whole.state.log_history)
    assert outcome.training_loss != pytest.approx(mean_loss(whole.state.log_history))


def test_no_step_has_no_loss() -> None:
    assert math.isnan(mean_loss([]))
