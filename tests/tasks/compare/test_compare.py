"""The comparison page: what differs is found and shown, and nothing in a run can write the page."""

from __future__ import annotations

import asyncio
import gzip
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from dialogue import files
from tasks.compare import page, source
from tasks.compare.__main__ import main
from tasks.compare.archive import ARCHIVE, pack, unpack
from tasks.compare.differences import against_first
from tasks.compare.source import Run
from tests.helpers.tars import HOSTILE, LIMIT, MEMBERS
from toolwoz.evaluation.metrics import compare
from toolwoz.evaluation.policy_run import PolicyRun
from toolwoz.evaluation.runs.result import Result
from toolwoz.evaluation.runs.results_file import continue_run

EVIL = "</script><script>alert('x')</script><img src=http://example.org/x>"
TALK = ({"role": "user", "content": f"Hello {EVIL}"}, {"role": "assistant", "content": EVIL})
GOALS = ("search_hotel", "book_hotel")


def results(earned, trials=1):
    return [
        Result(f"s{number}", trial, GOALS, GOALS[:count], TALK)
        for number, count in enumerate(earned)
        for trial in range(trials)
    ]


def run(name, earned, **options):
    return Run(name, PolicyRun(name, results(earned), {}), **options)


def compared(runs):
    """The comparisons of each later run with the first."""
    return [list(found.values()) for found in against_first(runs).values()]


class Page(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.tags, self.links, self.text = [], [], ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data):
        self.text += data


def test_the_page_needs_nothing_else_and_escapes_what_runs_say():
    runs = [run(EVIL, [0, 1, 2] * 9), run("trained", [2, 1, 2] * 9, seconds=3.0)]
    verdict = {"candidate": "trained", "decision": "promoted", "reason": EVIL}
    html = page.render(runs, verdict)
    found = Page(html)
    assert found.tags.count("script") == 2
    assert {"img", "link", "iframe"}.isdisjoint(found.tags)
    assert all(link.startswith("#") for link in found.links)
    assert not re.search(r"@import|url\(|https?://(?!example)", html)
    assert "alert('x')</script>" not in html
    assert "Gate: trained is promoted" in found.text


def test_the_rows_are_figures_by_scenario_and_corrected_together():
    before = Run("a", PolicyRun("a", results([0] * 12, trials=2), {}))
    after = Run("b", PolicyRun("b", results([2] * 10 + [1, 0], trials=2), {}))
    [found] = compared([before, after])
    success, reward = found
    assert (success.items, success.wins, reward.wins) == (12, 10, 11)
    assert success.difference.value == pytest.approx(10 / 12)
    assert reward.difference.value == pytest.approx(10.5 / 12)
    assert success.p_holm >= success.p_value
    assert success.significant


def test_unscored_dialogues_are_left_out_and_counted():
    dead = [replace(r, error="gone") if r.scenario == "s0" else r for r in results([2, 2, 2])]
    [found] = compared([run("a", [0, 0, 0, 0]), Run("b", PolicyRun("b", dead, {}))])
    assert (found[0].items, found[0].unscored) == (2, 1)
    assert found[0].unpaired == 1


@pytest.mark.slow
def test_a_policy_compared_with_itself_hardly_ever_differs():
    """Success of one policy twice, at a temperature: by `toolwoz.evaluation.metrics` and on the
    page."""
    rng = np.random.default_rng(1)
    wrong = {"metrics": 0, "page": 0}
    for _ in range(100):
        chance = rng.beta(0.5, 0.5, 150)
        a, b = (2 * (rng.random(150) < chance) for _ in range(2))
        found = compare(results(a), results(b))
        interval = found.success.difference
        excludes = interval.low > 0 or interval.high < 0
        wrong["metrics"] += excludes and found.success.p_value < 0.05
        [one] = compared([run("a", a), run("b", b)])
        wrong["page"] += any(d.significant for d in one)
    assert max(wrong.values()) <= 7


def test_an_arm_without_a_score_still_has_its_page():
    dead = Run("b", PolicyRun("b", [replace(r, error="gone") for r in results([2, 2])], {}))
    text = Page(page.render([run("a", [0, 2]), dead])).text.split("use strict")[0]
    assert "2 unscored" in text
    assert "nan" not in text.lower()


def test_a_planted_gain_of_ten_points_on_300_scenarios_is_found():
    rng = np.random.default_rng(0)
    for _ in range(5):
        before = 2 * (rng.random(300) < 0.4)
        after = before.copy()
        after[rng.choice(np.flatnonzero(before == 0), 40, replace=False)] = 2
        after[rng.choice(np.flatnonzero(before == 2), 10, replace=False)] = 0
        found = compare(results(before), results(after))
        assert found.success.difference.value == pytest.approx(0.1)
        assert found.success.difference.low > 0
        assert found.success.p_value < 0.05
        [one] = compared([run("a", before), run("b", after)])
        assert all(d.significant for d in one)


def save(folder: Path, earned) -> Path:
    with continue_run(folder / "results.jsonl", {"policy": folder.name}) as recorder:
        for result in results(earned):
            recorder.append(result)
    return folder


def test_the_command_compares_folders(tmp_path, capsys):
    a, b = save(tmp_path / "a", [0] * 20), save(tmp_path / "b", [2] * 15 + [0] * 5)
    out = tmp_path / "page.html"
    assert main([str(a), str(b), "--out", str(out)]) == 0
    assert "ToolWOZ success: 0.000 -> 0.750" in capsys.readouterr().out
    assert "b against a" in Page(out.read_text()).text


def test_what_cannot_be_compared_is_said_in_a_line(tmp_path, capsys):
    save(tmp_path / "both/a", [0])
    save(tmp_path / "both/b", [0])
    (tmp_path / "empty").mkdir()
    a, b, both, empty = (str(tmp_path / name) for name in ("both/a", "both/b", "both", "empty"))
    faults = {
        (a,): "two runs or more",
        (a, a): "twice",
        (a, empty): "neither",
        (a, both): "name one",
    }
    for words, why in faults.items():
        assert main([*words, "--out", str(tmp_path / "page.html")]) == 1
        said = capsys.readouterr().err
        assert why in said
        assert len(said.splitlines()) == 1
    assert main([a, b, "--out", str(tmp_path / "page.html")]) == 0


def test_runs_of_benchmarks_alone_make_a_page(sums, right, tmp_path):
    from tasks.benchmarks.runs.runner import run as play

    for name in ("base", "trained"):
        asyncio.run(play(sums, sums.items, right, concurrency=2, out=tmp_path / name / "sums"))
        right.answers["3+1"] = "5"
    html = page.render(source.read([str(tmp_path / "base"), str(tmp_path / "trained")]))
    assert Page(html).tags.count("script") == 0
    assert "87.5%" in html


@pytest.mark.slow
def test_a_run_of_mlflow_is_read_from_its_artifacts(tmp_path):
    save(tmp_path / "kept/a", [0] * 8)
    save(tmp_path / "kept/b", [2] * 8)
    code = (
        "import mlflow\n"
        "from pathlib import Path\n"
        "from services.mlflow import tracking\n"
        "from tasks.compare.__main__ import main\n"
        "with tracking.stage_run('evaluate', {}): tracking.log_artifact(Path('kept'))\n"
        "raise SystemExit(main(['evaluate:kept/a', 'evaluate:kept/b', '--out', 'page.html']))\n"
    )
    root = str(Path(__file__).parents[3])
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": root, "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "ToolWOZ success: 0.000 -> 1.000" in done.stdout


def test_what_is_kept_of_a_run_is_what_is_read_of_it(sums, right, tmp_path):
    from tasks.benchmarks.runs.runner import run as play

    save(tmp_path / "toolwoz", [0, 2])
    (tmp_path / "toolwoz" / "engine.log").write_text("loading")
    asyncio.run(play(sums, sums.items, right, concurrency=2, out=tmp_path / "benchmarks/sums"))
    folders = {name: tmp_path / name for name in ("toolwoz", "benchmarks", "nowhere")}
    unpack(pack(folders, tmp_path / ARCHIVE), tmp_path / "kept")
    before, after = (
        source.read_folder(place, "x") for place in (tmp_path / "toolwoz", tmp_path / "kept")
    )
    assert after.toolwoz.results == before.toolwoz.results
    assert {name: len(scored) for name, scored in after.benchmarks.items()} == {"sums": 8}
    assert not list((tmp_path / "kept").rglob("*.log"))
    with pytest.raises(ValueError, match="holds no results"):
        unpack(tmp_path / "toolwoz" / "engine.log", tmp_path / "other")


@pytest.mark.parametrize("kind", HOSTILE)
def test_only_plain_files_below_the_folder_are_unpacked(kind, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "MAX_UNPACKED", LIMIT)
    monkeypatch.setattr(files, "MAX_MEMBERS", MEMBERS)
    (tmp_path / ARCHIVE).write_bytes(gzip.compress(HOSTILE[kind]()))
    with pytest.raises(ValueError, match=rf"{ARCHIVE} holds no results: "):
        unpack(tmp_path / ARCHIVE, tmp_path / "kept" / "here")
    outside = [path for path in tmp_path.iterdir() if path.name not in (ARCHIVE, "kept")]
    assert not [*outside, *(path for path in tmp_path.rglob("*") if path.is_symlink())]
    assert sum(path.stat().st_size for path in tmp_path.rglob("kept/**/*")) <= LIMIT


def test_the_run_of_a_policy_in_mlflow_is_compared_by_its_id(mlflow_root, tmp_path, capsys):
    from mlflow import MlflowClient

    from services.mlflow import tracking
    from services.mlflow.store import connect

    with tracking.stage_run("compare", {}):
        for name, earned in (("base", [0] * 8), ("trained", [2] * 8)):
            kept = pack({"toolwoz": save(tmp_path / name, earned)}, tmp_path / ARCHIVE)
            tracking.report_policy(name, {}, {}, kept)
    for name in ("base", "trained"):
        shutil.rmtree(tmp_path / name)
    found = MlflowClient().search_runs([connect()], "tags.policy != ''")
    ids = {one.data.tags["policy"]: one.info.run_id for one in found}
    out = tmp_path / "page.html"
    for words in ([ids["base"], ids["trained"]], ["compare/base", "compare/trained"]):
        assert main([*words, "--out", str(out)]) == 0
        assert "ToolWOZ success: 0.000 -> 1.000" in capsys.readouterr().out
    assert mlflow_root in out.parents


def test_the_curve_goes_through_the_rounds_alone():
    runs = [run(name, [0, 1, 2]) for name in ("base", "r1/sft", "r1/control")]
    html = page.render(runs, None, {"base", "r1/sft"})
    curve = html[html.index('id="rounds"') :].split("</section>")[0]
    assert "r1/sft" in curve
    assert "r1/control" not in curve
