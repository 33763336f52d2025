"""Every page that is made from data shows it, and runs nothing of it.

Each page is made twice: of harmless texts, and of texts that try to become markup, a script or a
link, one in every field. Both must have the same elements, as an HTML parser reads them and, where
a Chromium is installed, as a browser does that has clicked on everything.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

import flows  # noqa: F401 - switches usage reports off before Great Expectations is imported
from flows.tools import browser, plots, summary
from josh.tree.tree_json import from_json, to_json
from josh.view.html import write_page
from services import plot_table
from tasks.benchmarks.scores.scored import Scored
from tasks.compare import page
from tasks.compare.source import Run
from tasks.validate.job import ValidateConfig, validate_corpus
from tests.helpers.grown import MOVES, grown
from toolwoz.corpus.synthetic import write_corpus
from toolwoz.evaluation.policy_run import PolicyRun
from toolwoz.evaluation.runs.result import Result
from toolwoz.report import render_report
from toolwoz.world.scenario import Goal, Scenario

EVIL = (
    "<script>window.hit=1</script>",
    '"><img src=x onerror=window.hit=1>',
    "'><svg onload=window.hit=1>",
    "</script><script>window.hit=1</script>",
    "</title></style></textarea><script>window.hit=1</script>",
    "<!--<script>",
    "-->]]><iframe srcdoc='<script>parent.hit=1</script>'>",
    "javascript:window.hit=1//",
    "[x](javascript:window.hit=1)",
    "[x]: javascript:window.hit=1",
    '![x](x"onerror="window.hit=1)',
    "<javascript:window.hit=1>",
    '" onmouseover="window.hit=1" autofocus onfocus="window.hit=1" x="',
    "&lt;img src=x onerror=window.hit=1&gt;",
    "${window.hit=1}`+(window.hit=1)+`",
    "{{window.hit=1}} {% raw %} {plot_divs} <!--TITLE--> [/*TREES*/] $params",
    "');window.hit=1;//",
    '\\");window.hit=1;//',
    "\u2028window.hit=1\u2029",
    "a | b\n\n<img src=x onerror=window.hit=1>\n",
)
HARMLESS = tuple(f"word{number}" for number in range(len(EVIL)))
KEPT = {"role", "type", "ended", "finish_reason", "tool_call_id", "schema_version"}
"""Fields that the code sets, or that no page shows."""


def trees_page(folder: Path, texts: Sequence[str]) -> Iterator[Path]:
    trees = []
    for text in texts:
        record = filled(to_json(grown(MOVES, goals="ab")), text)
        record["error"] = record["nodes"][0]["error"] = text
        trees.append(from_json(record))
    write_page(folder / "trees.html", trees, title=" ".join(texts))
    yield folder / "trees.html"


def filled(value: Any, text: str, key: str = "") -> Any:
    """The value with the text at the end of each of its texts; JSON in a text stays JSON."""
    if isinstance(value, dict):
        return {name: filled(one, text, name) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [filled(one, text, key) for one in value]
    if not isinstance(value, str) or key in KEPT:
        return value
    if value.startswith("{"):
        return json.dumps({f"{k}{text}": filled(v, text) for k, v in json.loads(value).items()})
    return f"{value} {text}"


def report_pages(folder: Path, texts: Sequence[str]) -> Iterator[Path]:
    arms = [arm(f"{name} {' '.join(texts)}", texts) for name in ("base", "trained")]
    (folder / "report.html").write_text(render_report(arms))
    yield folder / "report.html"
    scores = {text: [Scored(text, text, (), score=1.0, reason=text)] * 2 for text in texts}
    runs = [Run(one.name, one, scores) for one in arms]
    said = {key: " ".join(texts) for key in ("candidate", "decision", "reason")}
    (folder / "comparison.html").write_text(page.render(runs, said))
    yield folder / "comparison.html"


def arm(name: str, texts: Sequence[str]) -> PolicyRun:
    scenarios = {text: scenario(text) for text in texts}
    results = [
        Result(text, trial, goals, goals[:trial], talk(text), None if number % 2 else text)
        for number, text in enumerate(texts)
        for goals in [tuple(goal.id for goal in scenarios[text].goals)]
        for trial in range(2)
    ]
    return PolicyRun(name, results, scenarios, {text: {text: text} for text in texts})


def scenario(text: str) -> Scenario:
    slots = {text: text}
    goals = [Goal(f"{kind}_{text}", f"{kind}_{text}", slots, slots, slots) for kind in "ab"]
    return Scenario(text, "test", "v2", (text,), tuple(goals), {text: (text,)}, (text, text))


def talk(text: str) -> tuple[dict[str, Any], ...]:
    function = {"name": text, "arguments": json.dumps({text: text})}
    answers = (text, {"error": text}, {"success": False, "reason": text}, [{"name": text}])
    return (
        {"role": "user", "content": text},
        {
            "role": "assistant",
            "content": text,
            "reasoning_content": text,
            "tool_calls": [{"id": text, "type": "function", "function": function}],
        },
        *(
            {
                "role": "tool",
                "tool_call_id": text,
                "content": answer if isinstance(answer, str) else json.dumps(answer),
            }
            for answer in answers
        ),
    )


def data_docs(folder: Path, texts: Sequence[str]) -> Iterator[Path]:
    raw = folder / "raw"
    raw.mkdir()
    write_corpus(raw, seed=1, train=len(texts) + 2, val=6, test=6)
    dialogues = json.loads((raw / "data.json").read_text())
    trains, hotels = (
        json.loads((raw / f"{name}_db.json").read_text()) for name in ("train", "hotel")
    )
    for (name, one), text, row, hotel in zip(
        list(dialogues.items()), texts, trains, hotels, strict=False
    ):
        one["goal"]["hotel"] = {"info": {f"sauna {text}": f"yes {text}", "area": f"north {text}"}}
        dialogues[f"id {text}"] = dialogues.pop(name)
        row["leaveAt"], row["trainID"] = f"soon {text}", f"TR {text}"
        hotel["name"] = f"hotel {text}"
    for name, content in (("data", dialogues), ("train_db", trains), ("hotel_db", hotels * 2)):
        (raw / f"{name}.json").write_text(json.dumps(content))
    validate_corpus(ValidateConfig(max_rows=20), raw, folder / "docs")
    yield from sorted((folder / "docs").rglob("*.html"))


def plots_page(folder: Path, texts: Sequence[str]) -> Iterator[Path]:
    """The page of `dvc plots`, with the project's template and one for Vega's scripts."""
    dvc = [sys.executable, "-m", "dvc"]
    plot_table.write(
        folder / "policies.csv",
        ("policy", "value"),
        ({"policy": text, "value": number} for number, text in enumerate(texts)),
    )
    (folder / "template.html").write_text(plots.PAGE % "window.vegaEmbed = () => {}")
    line = "plots:\n  - policies.csv:\n      x: value\n      y: policy\n"
    (folder / "dvc.yaml").write_text(line)
    options = ["--html-template", "template.html", "-o", "plots", "-q"]
    for command in (["init", "-q", "--no-scm"], ["plots", "show", *options]):
        subprocess.run([*dvc, *command], cwd=folder, check=True)
    yield folder / "plots/index.html"


def artifact_pages(folder: Path, texts: Sequence[str]) -> Iterator[Path]:
    """What Prefect gets as Markdown, by a renderer that lets every tag and link through."""
    estimate = {"value": 0.5, "low": 0.4, "high": 0.6}
    figures = {"test": {"reward": estimate, "success": estimate, "dialogues": 9}}
    gate = {"candidate": texts[0], "decision": texts[1], "reason": " ".join(texts)}
    record = {
        "arms": dict.fromkeys(texts, figures),
        "comparisons": {},
        "rounds": dict.fromkeys(texts, gate),
        "policy": " ".join(texts),
    }
    reader = MarkdownIt("commonmark", {"html": True}).enable("table")
    reader.validateLink = lambda _: True  # type: ignore[method-assign]
    (folder / "artifact.html").write_text(reader.render(summary.markdown(record)))
    yield folder / "artifact.html"


MAKERS = (trees_page, report_pages, data_docs, plots_page, artifact_pages)
Pages = Mapping[str, Sequence[Path]]


def made(folder: Path, texts: Sequence[str]) -> Pages:
    found = {}
    for maker in MAKERS:
        place = folder / maker.__name__
        place.mkdir()
        found[maker.__name__] = list(maker(place, texts))
    return found


@pytest.fixture(scope="module")
def harmless(tmp_path_factory: pytest.TempPathFactory) -> Pages:
    return made(tmp_path_factory.mktemp("harmless"), HARMLESS)


@pytest.fixture(scope="module")
def evil(tmp_path_factory: pytest.TempPathFactory) -> Pages:
    return made(tmp_path_factory.mktemp("evil"), EVIL)


class Elements(HTMLParser):
    """How often each tag stands in a page with each set of attributes, and where links lead."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.found: Counter[tuple[str, ...]] = Counter()
        self.schemes: set[str] = set()
        self.feed(path.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag != "code":  # Markdown's backticks: what is in them is text
            self.found[(tag, *sorted(name for name, _ in attrs))] += 1
        links = [value or "" for name, value in attrs if name in ("href", "src", "action")]
        self.schemes |= {one.partition(":")[0] for one in links if ":" in one}


@pytest.mark.parametrize("maker", [maker.__name__ for maker in MAKERS])
def test_a_text_adds_no_element(maker: str, harmless: Pages, evil: Pages) -> None:
    assert len(harmless[maker]) == len(evil[maker]) > 0
    for before, after in zip(harmless[maker], evil[maker], strict=True):
        was, now = Elements(before), Elements(after)
        assert now.found == was.found, after
        assert now.schemes == was.schemes <= {"http", "https"}, after


CLICKS = """(async () => {
  const wait = (ms) => new Promise((done) => setTimeout(done, ms));
  const every = (selector) => [...document.querySelectorAll(selector)];
  while (document.readyState !== "complete") await wait(50);
  await wait(300);
  for (const words of ["", "window"]) {
    for (const search of every("#search")) {
      search.value = words;
      search.dispatchEvent(new Event("input"));
    }
    await wait(200);
    for (const one of every("li, button, summary, g.node, .label, th, td")) {
      one.dispatchEvent(new MouseEvent("mouseover", { bubbles: true }));
      one.dispatchEvent(new MouseEvent("click", { bubbles: true }));
      await wait(1);
    }
  }
  await wait(200);
  const handlers = (one) => one.getAttributeNames().filter((name) => name.startsWith("on"));
  return {
    hit: window.hit ?? null,
    text: document.body.innerText.includes("window.hit"),
    tags: ["script", "img", "iframe", "a", "form", "object", "embed", "base", "meta"]
      .map((tag) => every(tag).length),
    handlers: every("*").flatMap(handlers).length,
    links: every("[href^='javascript:' i]").length,
  };
})()"""


@pytest.mark.slow
@pytest.mark.skipif(browser.program() is None, reason="no Chromium is installed")
def test_a_browser_runs_none_of_it(harmless: Pages, evil: Pages) -> None:
    with browser.page(str(browser.program())) as tab:

        def seen(path: Path) -> dict[str, Any]:
            tab.open(path.as_uri(), 1200, 900)
            return tab.resolve(CLICKS)

        for maker, pages in evil.items():
            for before, after in zip(harmless[maker], pages, strict=True):
                was, now = seen(before), seen(after)
                assert now["hit"] is None, after
                assert {**now, "text": was["text"]} == was, after
            assert now["text"] or maker == "plots_page", f"{maker} shows none of the texts"


@pytest.mark.slow
@pytest.mark.skipif(browser.program() is None, reason="no Chromium is installed")
def test_the_browser_would_run_it(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    with browser.page(str(browser.program())) as tab:
        for text in EVIL[:5]:
            path.write_text(f"<!doctype html><body><p>{text}")
            tab.open(path.as_uri(), 800, 600)
            assert tab.resolve(CLICKS)["hit"] == 1, text
