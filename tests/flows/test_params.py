"""params.yaml becomes dataclasses, and every fault in it is named."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import Field

from flows import params
from flows.params.__main__ import main


@dataclass(frozen=True)
class Arm:
    lr: float
    epochs: int = 1

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise ValueError(f"epochs must be at least 1, not {self.epochs}")


@dataclass(frozen=True)
class Tree:
    strategy: Literal["tree"]
    patience: int = 0


@dataclass(frozen=True)
class Plain:
    strategy: Literal["plain"]
    beam: int = 1


@dataclass(frozen=True)
class LearnConfig:
    seed: int
    loss: Literal["sft", "kto"]
    arms: dict[str, Arm]
    data: tuple[str, ...]
    limit: int | None
    searches: dict[str, Annotated[Tree | Plain, Field(discriminator="strategy")]]


TEXT = """\
# what is learned
learn:
  seed: 1          # of everything
  loss: kto
  arms:
    josh: {lr: 1e-4, epochs: 2}
  data:
    - a.jsonl
  limit: null
  searches:
    tree: {strategy: tree, patience: 3}
    plain: {strategy: plain, beam: 2}
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(params, "SECTIONS", {"learn": "unused:LearnConfig"})
    monkeypatch.setattr(params, "_dataclass_of", lambda section: {"learn": LearnConfig}[section])
    Path("params.yaml").write_text(TEXT)
    Path("configs").mkdir()
    Path("configs/big.yaml").write_text("learn:\n  seed: 5\n  arms:\n    josh: {lr: 3e-5}\n")
    subprocess.run(["git", "init", "-q"], check=True)
    commit("the default")
    return Path("params.yaml")


def commit(message: str) -> None:
    author = ["-c", "user.name=test", "-c", "user.email=test@localhost"]
    for command in (["add", "-A"], [*author, "commit", "-qm", message]):
        subprocess.run(["git", *command], check=True)


def test_a_section_becomes_its_dataclass(file: Path) -> None:
    assert params.load("learn", LearnConfig, file) == LearnConfig(
        seed=1,
        loss="kto",
        arms={"josh": Arm(lr=1e-4, epochs=2)},
        data=("a.jsonl",),
        limit=None,
        searches={"tree": Tree("tree", patience=3), "plain": Plain("plain", beam=2)},
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "seed:",
            "sede:",
            "unknown key learn.sede; known: seed, loss, arms, data, limit, searches",
        ),
        ("lr:", "rl:", "unknown key learn.arms.josh.rl; known: lr, epochs"),
        ("  limit: null\n", "", "learn.limit is missing"),
        ("lr: 1e-4, ", "", "learn.arms.josh.lr is missing"),
        ("seed: 1 ", "seed: '1' ", "learn.seed = '1': input should be a valid integer"),
        ("loss: kto", "loss: ppo", "learn.loss = 'ppo': input should be 'sft' or 'kto'"),
        ("epochs: 2", "epochs: 0", "learn.arms.josh: epochs must be at least 1, not 0"),
        ("beam", "beem", "unknown key learn.searches.plain.beem; known: strategy, beam"),
        ("beam", "patience", "unknown key learn.searches.plain.patience; known: strategy, beam"),
        ("beam: 2", "beam: x", "learn.searches.plain.beam = 'x': input should be a valid integer"),
        ("strategy: plain, ", "", "learn.searches.plain.strategy is missing"),
        (": plain,", ": none,", "strategy = 'none': input should be one of 'tree', 'plain'"),
        ("learn:", "teach:", "unknown key teach; known: learn"),
        ("learn:", "learn: [", "not YAML"),
        (TEXT, "", "expected sections, found NoneType"),
    ],
)
def test_a_fault_is_refused_by_name(file: Path, old: str, new: str, message: str) -> None:
    assert old in TEXT
    file.write_text(TEXT.replace(old, new))
    with pytest.raises(params.ParamsError) as caught:
        params.check(file)
    assert message in str(caught.value)
    assert str(caught.value).startswith("params.yaml")


def test_what_has_a_default_may_be_left_out(file: Path) -> None:
    file.write_text(TEXT.replace(", epochs: 2", ""))
    assert params.load("learn", LearnConfig, file).arms["josh"] == Arm(lr=1e-4, epochs=1)


def test_all_faults_are_named_at_once(file: Path) -> None:
    file.write_text(TEXT.replace("seed: 1", "sead: 1").replace("kto", "ppo"))
    with pytest.raises(params.ParamsError) as caught:
        params.check(file)
    assert len(str(caught.value).splitlines()) == 3  # sead unknown, seed missing, ppo


def test_change_keeps_comments_and_says_what_changed(file: Path) -> None:
    changed = params.change(["learn.loss=sft", "learn.limit=10"], ["big"], file)
    assert changed == [
        "learn.seed: 1 -> 5",
        "learn.loss: kto -> sft",
        "learn.arms.josh.lr: 0.0001 -> 3e-05",
        "learn.limit: None -> 10",
    ]
    text = file.read_text()
    assert "# what is learned" in text
    assert "# of everything" in text
    assert params.load("learn", LearnConfig, file).arms["josh"] == Arm(lr=3e-5, epochs=2)


def test_configs_are_merged_in_their_order(file: Path) -> None:
    Path("configs/more.yaml").write_text("learn:\n  seed: 7\n")
    params.change([], ["big", "more"], file)
    learned = params.load("learn", LearnConfig, file)
    assert (learned.seed, learned.arms["josh"].lr) == (7, 3e-5)
    assert params.merged(["big", "more"])["learn"] == learned
    params.change([], ["more", "big"], file)
    assert params.load("learn", LearnConfig, file).seed == 5


def test_an_empty_mapping_empties_what_is_there(file: Path) -> None:
    params.change(["learn.arms={}"], (), file)
    assert params.load("learn", LearnConfig, file).arms == {}


def test_change_without_changes_leaves_the_file_byte_for_byte(file: Path) -> None:
    assert params.change(["learn.seed=1"], (), file) == []
    assert file.read_text() == TEXT


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("learn.sede=3", "unknown key learn.sede"),
        ("learn.seed=three", "learn.seed = 'three'"),
        ("learn.seed", "expected section.key=value"),
        ("learn.data=[http://a]", r"not YAML: .*; quote what holds a colon"),
    ],
)
def test_a_bad_change_leaves_the_file_as_it_was(file: Path, override: str, message: str) -> None:
    with pytest.raises(params.ParamsError, match=message):
        params.change([override], (), file)
    assert file.read_text() == TEXT
    assert list(file.parent.glob("*.part")) == []


def test_the_command_line(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check"]) == 0
    assert main(["set", "big", "learn.limit=3"]) == 0
    assert "learn.seed: 1 -> 5" in capsys.readouterr().out
    assert main(["set", "huge"]) == 1
    assert capsys.readouterr().err == "no config 'huge' in configs/; known: big, default\n"
    file.unlink()
    assert main(["check"]) == 1
    assert "run from the repository's root" in capsys.readouterr().err


@pytest.mark.parametrize("committed", [False, True])
def test_a_config_is_the_same_whatever_was_set_before(file: Path, committed: bool) -> None:
    params.change(["learn.seed=9", "learn.limit=4"], ["big"], file)
    params.change(["learn.limit=5"], (), file)
    note, _, rest = file.read_text().partition("\n")
    assert note == "# Over the default: big learn.seed=9 learn.limit=4 learn.limit=5"
    assert rest.startswith("# what is learned")
    if committed:
        commit("a run of mine")
    Path("configs/more.yaml").write_text("learn:\n  loss: sft\n")
    params.change([], ["more"], file)
    assert file.read_text() == f"# Over the default: more\n{TEXT.replace('kto', 'sft')}"
    params.change([], ["default"], file)
    assert file.read_text() == TEXT


def test_the_default_is_what_was_written_into_the_file_by_hand(file: Path) -> None:
    file.write_text(TEXT.replace("limit: null", "limit: 3"))
    params.change([], ["big"], file)
    learned = params.load("learn", LearnConfig, file)
    assert (learned.seed, learned.limit) == (5, 3)


def test_without_a_default_to_go_back_to_it_says_so(file: Path) -> None:
    shutil.rmtree(".git")
    params.change([], ["big"], file)
    before = file.read_text()
    with pytest.raises(params.ParamsError, match="cannot be undone, as git has no version"):
        params.change([], ["default"], file)
    assert file.read_text() == before
