"""The report: one file that needs nothing else, and shows what the results hold."""

from __future__ import annotations

import base64
import gzip
import json
import math
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from dialogue.records import RecordError
from toolwoz.evaluation.runs.result import Result
from toolwoz.evaluation.statistics.intervals import Estimate
from toolwoz.report import PolicyRun, charts, lines, read_policy_run, render_report, write_report
from toolwoz.report.browse import pack
from toolwoz.world.scenario import Goal, Scenario

EVIL = "</script><script>alert('x')</script><b>"
GOALS = (
    Goal("search_hotel", "search_hotel", {"area": "north"}),
    Goal("book_hotel", "book_hotel", {"day": "monday"}),
)
SCENARIOS = {f"s{i}": Scenario(f"s{i}", "test", "v2", (f"Wish {i}.",), GOALS) for i in range(6)}
TALK = (
    {"role": "system", "content": "Help."},
    {"role": "user", "content": f"A hotel in the north {EVIL}"},
    {"role": "assistant", "content": "Sorry."},
)


def arm(name: str, earned: Sequence[int], trials: int = 1, **options: object) -> PolicyRun:
    results = [
        Result(f"s{i}", trial, ("search_hotel", "book_hotel"), tuple(g.id for g in GOALS[:n]), TALK)
        for i, n in enumerate(earned)
        for trial in range(trials)
    ]
    return replace(PolicyRun(name, results, SCENARIOS, {"policy": name}), **options)  # type: ignore[arg-type]  # fields are free


class Page(HTMLParser):
    """The tags, links and visible text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        self.text += data


def unpack(packed: str) -> dict[str, list[dict[str, object]]]:
    record: dict[str, list[dict[str, object]]] = json.loads(
        gzip.decompress(base64.b64decode(packed))
    )
    return record


def test_a_report_needs_nothing_else() -> None:
    page = Page(render_report([arm("a", [2, 1, 0]), arm("b", [2, 2, 0])]))
    assert page.links
    assert all(link.startswith("#") for link in page.links)
    assert {"link", "img", "iframe"}.isdisjoint(page.tags)
    assert not re.search(r"@import|url\(", page.text)


def test_a_report_shows_the_figures() -> None:
    text = " ".join(
        Page(render_report([arm("a", [2, 1, 0, 0]), arm("b", [2, 2, 2, 0])])).text.split()
    )
    assert "25.0%" in text
    assert "75.0%" in text
    assert "+50.0 pts" in text
    assert "0 unpaired, 0 unscored" in text


def test_the_same_runs_make_the_same_report() -> None:
    assert render_report([arm("a", [2, 1])]) == render_report([arm("a", [2, 1])])


def test_nothing_in_a_run_can_write_the_page() -> None:
    evil = arm(EVIL, [2, 0], configuration={"policy": EVIL})
    html = render_report([evil, arm("b", [1, 1])])
    assert Page(html).tags.count("script") == 2
    assert "alert('x')</script>" not in html


def test_all_dialogues_are_in_it() -> None:
    a = arm("a", [2, 0], trials=2)
    record = unpack(pack([a, arm("b", [1])]))
    assert [len(one["dialogues"]) for one in record["arms"]] == [4, 1]  # type: ignore[arg-type]  # a list
    first = record["arms"][0]["dialogues"][2]  # type: ignore[index]  # a list
    assert first["messages"] == list(TALK[1:])
    assert first["missed"] == {"search_hotel": "missing_call", "book_hotel": "missing_call"}
    assert set(record["scenarios"]) == {"s0", "s1"}


def test_what_is_unknown_is_a_dash_and_no_nan() -> None:
    dead = arm("dead", [0])
    dead = replace(dead, results=[replace(dead.results[0], error="gone")])
    html = render_report([dead, arm("b", [2])])
    assert "nan" not in Page(html).text.split("use strict")[0].lower()
    assert "\u2013" in html
    assert json.loads(json.dumps(dead.to_json(), allow_nan=False))["failures"]["engine_error"] == 1


def test_results_without_their_scenarios_are_still_reported() -> None:
    stranger = replace(arm("a", [2, 0]), scenarios={})
    assert stranger.failures == dict.fromkeys(stranger.failures, 0)
    assert "a: 2 dialogues of 2 scenarios" in "\n".join(lines([stranger]))
    render_report([stranger])


@pytest.mark.parametrize("names", [[], ["a", "a"]])
def test_arms_have_different_names(names: list[str]) -> None:
    with pytest.raises(ValueError, match="different names"):
        render_report([arm(name, [1]) for name in names])


def test_a_folder_without_results_is_refused(tmp_path: Path) -> None:
    (tmp_path / "results.jsonl").write_text('{"schema_version": 1, "configuration": {}}\n')
    with pytest.raises(RecordError, match="no results yet"):
        read_policy_run(tmp_path)


def svg(text: str) -> ElementTree.Element:
    return ElementTree.fromstring(text)


def widths(text: str, kind: str) -> list[float]:
    return [float(r.get("width", 0)) for r in svg(text).iter("rect") if r.get("class") == kind]


def test_bars_are_as_long_as_their_shares() -> None:
    half, all_ = Estimate(0.5, 0.4, 0.6, 9), Estimate(1.0, 1.0, 1.0, 9)
    text = charts.bars(
        [charts.Series("a", {"hotel": half, "<train>": all_}), charts.Series("b", {"hotel": all_})],
        "title",
    )
    assert widths(text, "bar arm0")[1] == pytest.approx(2 * widths(text, "bar arm0")[0])
    assert widths(text, "bar arm1") == [widths(text, "bar arm0")[1]]
    assert "<train>" in [node.text for node in svg(text).iter("text")]


def test_a_bar_without_interval_has_no_whisker() -> None:
    one = charts.bars([charts.Series("a", {"hotel": Estimate(0.5, math.nan, math.nan, 1)})], "t")
    assert "whisker" not in one
    assert "nan" not in charts.track(Estimate(0.5, math.nan, math.nan, 1))
    assert charts.track(Estimate(math.nan, math.nan, math.nan, 0)) == ""


def test_a_stack_is_cut_by_counts() -> None:
    text = charts.stack({"a": {"x": 3, "y": 1}, "b": {"x": 2, "y": 0}}, "t")
    (a, b), (c, d) = widths(text, "kind0"), widths(text, "kind1")
    assert (a / c, a / b, d) == (pytest.approx(3), pytest.approx(1.5), 0)


def test_curves_have_a_point_a_trial() -> None:
    text = charts.curves({"a": {1: 0.5, 2: 0.25, 3: 0.0}}, "t")
    heights = [float(c.get("cy", 0)) for c in svg(text).iter("circle")]
    assert heights == sorted(heights)
    assert len(heights) == 3
    assert charts.curves({"a": {1: 0.5}}, "t")


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs chromium on the PATH")
def test_a_browser_unpacks_the_dialogues(tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    write_report(page, [arm("a", [2, 1, 0]), arm("b", [2, 2, 0])])
    browser = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    command = [*browser, "--virtual-time-budget=5000", f"{page.as_uri()}#dialogue/s1/0/1"]
    dom = subprocess.run(command, capture_output=True, text=True, timeout=90, check=True).stdout
    assert "3 of 3" in dom
    assert '<li aria-current="true">' in dom
    assert "Wish 1." in dom
    assert "alert('x')&lt;/script&gt;" in dom


def test_the_names_of_a_forest_have_room():
    sure = Estimate(0.1, 0.05, 0.15, 9)
    for names in (["bfcl"], ["bfcl", "apibench-tensorflowhub"]):
        svg = charts.forest(dict.fromkeys(names, sure), "differences")
        [x] = set(re.findall(r'<text class="label" x="([\d.]+)"', svg))
        assert float(x) >= charts.LETTER * max(map(len, names))
