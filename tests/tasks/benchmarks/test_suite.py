"""All benchmarks in one command: one engine, one table, and no benchmark stops another."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from dialogue.files.download import FetchError
from dialogue.tool_text import assistant
from tasks.benchmarks import BENCHMARKS, open_benchmark
from tasks.benchmarks.__main__ import main
from tasks.benchmarks.helpers import NO_MODEL, title
from tasks.benchmarks.options import Helper, MissingError, Options
from tasks.benchmarks.runs.several import TABLE
from tasks.benchmarks.scores.comparison import read_runs
from tasks.benchmarks.scores.scored_file import SCORED
from tasks.benchmarks.shape import Benchmark, Item, Score, SingleTurn
from tests.helpers.chat_endpoint import serving
from tests.helpers.http_server import Reply


def quiz(name: str) -> Benchmark:
    """Six questions; each is its own answer."""

    def score(item: Item, message) -> Score:
        return Score(float(message["content"] == item.gold))

    items = [
        Item(str(n), "all", ({"role": "user", "content": f"{name} {n}"},), (), f"{name} {n}")
        for n in range(6)
    ]
    return Benchmark(name, items, SingleTurn(score, lambda item: assistant(item.gold)))


def open_first(_options: Options) -> Benchmark:
    return quiz("first")


def open_second(_options: Options) -> Benchmark:
    return quiz("second")


def open_judged(options: Options) -> Benchmark:
    options.need_judge("judged")
    return quiz("judged")


def open_fetched(_options: Options) -> Benchmark:
    raise FetchError("words.txt is nowhere to be had: name a mirror folder")


def open_installed(_options: Options) -> Benchmark:
    import no_such_package

    return no_such_package


def open_broken(_options: Options) -> Benchmark:
    raise ValueError("words.txt has no words")


@pytest.fixture
def only(monkeypatch):
    """Puts these benchmarks of this module in place of all there are."""

    def install(*names: str) -> None:
        for name in list(BENCHMARKS):
            monkeypatch.delitem(BENCHMARKS, name)
        for name in names:
            monkeypatch.setitem(BENCHMARKS, name, f"{__name__}:open_{name}")

    return install


def echo(body):
    return body["messages"][-1]["content"]


def play_all(url: str, out: Path, *more: str) -> int:
    return main(["all", "--model", url, "--limit", "4", "--out", str(out), *more])


def test_every_benchmark_has_its_folder_and_its_line(only, tmp_path, capsys):
    only("first", "second")
    with serving(lambda body: echo(body) if "first" in echo(body) else "?") as url:
        assert play_all(url, tmp_path) == 0
    lines = (tmp_path / TABLE).read_text().splitlines()
    assert lines[0].split() == [
        "benchmark", "score", "items", "unscored", "ceiling", "floor", "seconds",
    ]  # fmt: skip
    assert lines[1].split()[:2] == ["first", "1.000"]
    assert lines[2].split()[:2] == ["second", "0.000"]
    assert lines[2].split()[-5:-1] == ["4", "0", "1.000", "0.000"]
    assert "\n".join(lines) in capsys.readouterr().out
    runs = read_runs(tmp_path)  # as `make compare` and the gate read them
    assert {name: len(scored) for name, scored in runs.items()} == {"first": 4, "second": 4}


def test_those_that_are_named_are_run_in_that_order_and_no_other(only, tmp_path):
    only("first", "second", "broken")
    with serving(echo) as url:
        named = ["second", "first", "--model", url, "--limit", "2", "--out", str(tmp_path)]
        assert main(named) == 0
    lines = (tmp_path / TABLE).read_text().splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["second", "first"]


def test_messages_are_cut_off_where_it_is_asked_for_and_never_later(only, tmp_path):
    only("first")
    asked = []

    def say(body):
        asked.append(body["max_tokens"])
        return echo(body)

    with serving(say) as url:
        for most in ("16", "4096"):
            assert play_all(url, tmp_path / most, "--max-tokens", most) == 0
    assert set(asked[:4]) == {16}
    assert set(asked[4:]) == {256}  # the benchmark's own
    assert json.loads((tmp_path / "16/first/run.json").read_text())["max_tokens"] == 16


def test_a_helper_that_is_cut_off_says_so_beside_its_name():
    helper = replace(NO_MODEL, url="http://127.0.0.1:1/v1", model="gpt")
    assert title(helper) == "gpt"
    assert title(replace(helper, max_tokens=64)) == "gpt (at most 64 tokens)"


def test_what_is_missing_is_named_and_stops_no_other(only, tmp_path):
    only("judged", "fetched", "installed", "first")
    with serving(echo) as url:
        assert play_all(url, tmp_path / "new") == 0
    text = (tmp_path / "new" / TABLE).read_text()
    assert "judged was left out: judged needs --judge URL and --judge-model NAME" in text
    assert "fetched was left out: words.txt is nowhere to be had" in text
    assert "no_such_package, which is not installed: uv pip install no_such_package" in text
    assert text.splitlines()[1].startswith("first ")


def test_what_fails_is_told_by_the_status_and_stops_no_other(only, tmp_path):
    only("broken", "first")
    with serving(echo) as url:
        assert play_all(url, tmp_path) == 1
    text = (tmp_path / TABLE).read_text()
    assert "broken failed: words.txt has no words" in text
    assert text.splitlines()[1].startswith("first ")


def test_an_engine_that_refuses_fails_every_benchmark(only, tmp_path):
    only("first")
    with serving(lambda _body: Reply("out of order", 400)) as url:
        assert play_all(url, tmp_path) == 1
    assert "first failed: nothing could be scored: " in (tmp_path / TABLE).read_text()


def test_the_same_command_goes_on_and_repeats_nothing(only, tmp_path):
    asked = []

    def say(body):
        asked.append(echo(body))
        return echo(body)

    only("first")
    with serving(say) as url:
        assert play_all(url, tmp_path) == 0
        before = (tmp_path / "first" / SCORED).read_bytes()
        only("first", "second")
        asked.clear()
        assert play_all(url, tmp_path) == 0
    assert len(asked) == 4
    assert all(question.startswith("second") for question in asked)
    assert (tmp_path / "first" / SCORED).read_bytes() == before


def test_without_out_the_folder_is_the_model_s(only, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    only("first")
    with serving(echo, ["org/served"]) as url:
        assert main(["first", "--model", url]) == 0
        assert main(["all", "--model", url]) == 0
    assert len(read_runs(Path("reports/benchmarks/served"))["first"]) == 6


def test_a_package_of_ours_that_does_not_import_is_a_bug_and_another_a_line(monkeypatch):
    monkeypatch.setitem(BENCHMARKS, "tau-retail", f"{__name__}:open_installed")
    with pytest.raises(MissingError, match="tau-retail needs no_such_package"):
        open_benchmark("tau-retail", Options(Path("nowhere")))
    monkeypatch.setitem(BENCHMARKS, "tau-retail", "tasks.no_such_module:open_installed")
    with pytest.raises(ModuleNotFoundError, match=r"tasks\.no_such_module"):
        open_benchmark("tau-retail", Options(Path("nowhere")))


def test_without_the_extra_tau_bench_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "loguru", None)
    options = Options(Path("nowhere"), simulator=Helper("anybody", None))
    with pytest.raises(MissingError, match=r"tau-retail: .*pip install 'toolwoz-josh\[tau\]'"):
        open_benchmark("tau-retail", options)


@pytest.mark.vllm
@pytest.mark.slow
def test_a_model_folder_is_served_once_for_all(only, tiny_model, tmp_path):
    only("first", "second")
    assert play_all(str(tiny_model), tmp_path, "--max-model-len", "256", "--dtype", "float32") == 0
    assert (tmp_path / "engine.log").read_text().count("Application startup complete") == 1
    for name in ("first", "second"):
        assert not (tmp_path / name / "engine.log").read_text()
        assert json.loads((tmp_path / name / "run.json").read_text())["model"] == str(tiny_model)
