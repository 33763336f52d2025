"""The reference's log-probabilities of a set are computed once, and never taken for another's."""

from __future__ import annotations

import pytest
from datasets import Dataset

from tasks.train.packing.reference import once

ROWS = {"prompt_ids": [[1, 2], [1]], "completion_ids": [[3], [4, 5]], "label": [True, False]}
FACTS = {"model": "a", "max_length": None}


@pytest.fixture
def asked(tmp_path):
    """Function that asks about rows, and the list of what it has computed."""
    computed = []

    def ask(rows=ROWS, kept=tmp_path / "references", **facts):
        dataset = Dataset.from_dict(rows)

        def compute():
            computed.append(rows)
            return dataset.add_column("ref_logps", [-0.5, -1.25])

        return once(kept, dataset, compute, **{**FACTS, **facts})

    return ask, computed


def test_what_was_computed_is_found_again(asked):
    ask, computed = asked
    first, second = ask(), ask()
    assert len(computed) == 1
    assert first.column_names == second.column_names
    assert list(first["ref_logps"]) == list(second["ref_logps"]) == [-0.5, -1.25]


@pytest.mark.parametrize(
    "other",
    [
        {"rows": {**ROWS, "completion_ids": [[3], [4, 6]]}},
        {"rows": {**ROWS, "prompt_ids": [[1], [2, 1]]}},
        {"rows": {"prompt_ids": ROWS["prompt_ids"], "chosen_ids": ROWS["completion_ids"]}},
        {"model": "b"},
        {"max_length": 8},
        {"bf16": True},
        {"kept": None},
    ],
)
def test_another_set_model_or_option_is_asked_about_anew(asked, other):
    ask, computed = asked
    ask()
    ask(**other)
    assert len(computed) == 2


def test_labels_and_what_else_the_loss_reads_change_nothing(asked):
    ask, computed = asked
    ask()
    assert list(ask({**ROWS, "label": [False, False]})["label"]) == [False, False]
    assert len(computed) == 1


def test_a_file_that_was_not_written_to_its_end_is_none(asked, tmp_path):
    ask, computed = asked
    ask()
    [file] = (tmp_path / "references").iterdir()
    file.rename(file.with_suffix(".partial.npz"))
    ask()
    assert len(computed) == 2
