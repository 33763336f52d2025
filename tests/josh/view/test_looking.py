"""Trees in the terminal and on a page."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest

from dialogue.messages import is_error, meaning
from josh.__main__ import main
from josh.search.config import JoshConfig
from josh.search.search import explore
from josh.tree.store import write_trees
from josh.tree.tree import Tree
from josh.view.html import write_page
from josh.view.show import draw, find_node, read_node
from tests.helpers.fakes import FakeEpisode, Script, call, say

MOVES = {"0": ["!", "sorry"], "1": ["+a", "</script><b>got a"], "1.0": ["hm"], "1.1": ["+b"]}


def grown(scenario: str = "s", **options: Any) -> Tree:
    episode = FakeEpisode(frozenset("ab"))
    policy = Script(MOVES, scenario=scenario)
    return asyncio.run(explore(scenario, episode, policy, JoshConfig(**options)))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "trees.jsonl"
    write_trees(path, [grown("s"), grown("t", turns=1)])
    return path


def test_a_tree_is_drawn_branch_by_branch() -> None:
    assert list(draw(grown())) == [
        "s  reward 1.00  ✓ a  ✓ b",
        "user: “go on 0”",
        '├─ ✗ 0  missing({"goal": "x"})  → error  “sorry”',
        '└─ ★ 1  +a  reach({"goal": "a"})  →  “</script><b>got a”  user: “go on 1”',
        "   ├─ ✗ 1.0  “hm”",
        '   └─ ★ 1.1  +b  reach({"goal": "b"})  →  “hm”',
    ]


def test_a_node_is_read_word_by_word() -> None:
    tree = grown()
    text = "\n".join(read_node(tree, find_node(tree, "1.0")))
    assert text.index("Reach the goals.") < text.index("go on 1") < text.index("hm")
    assert f'"seed": {tree.nodes[2].calls[0].seed}' in text


@pytest.mark.parametrize("name", ["0.0", "7", "x", "1.1.x", "1.-1", ""])
def test_a_node_that_is_not_there(name: str) -> None:
    with pytest.raises(KeyError, match=f"has no node {name}"):
        find_node(grown(), name)


def test_every_name_finds_its_node() -> None:
    tree = grown(turns=3)
    assert [find_node(tree, tree.name(index)) for index in range(len(tree.nodes))] == list(
        range(len(tree.nodes))
    )


def test_show_lists_and_draws(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", str(file)]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in listed[1:]] == [["s", "1.00"], ["t", "0.50"]]
    assert main(["show", str(file), "t"]) == 0
    assert capsys.readouterr().out.startswith("t  reward 0.50  ✓ a  · b\n")
    assert main(["show", str(file), "t", "--node", "1"]) == 0
    assert "got a" in capsys.readouterr().out


def test_what_is_not_there_is_said(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", str(file), "u"]) == 2
    assert capsys.readouterr().err == "no tree of scenario u; show the file alone for a list\n"
    assert main(["show", str(file.with_name("none.jsonl"))]) == 2
    assert "none.jsonl" in capsys.readouterr().err


def test_extract_writes_rows_and_prints_the_report(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = file.with_name("kto.jsonl")
    assert main(["extract", str(file), "kto", "-o", str(out)]) == 0
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert json.loads(capsys.readouterr().out)["rows"] == len(rows) > 4


def test_the_page_needs_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "out/page.html"
    assert write_page(path, [grown("s"), grown("t", turns=1)], title="<trees> & co") == 2
    page = path.read_text()
    assert not re.search(r"(src|href)=|url\(|@import", page), "no file beside it, no network"
    assert "&lt;trees> &amp; co" in page
    assert "/*INDEX*/" not in page
    assert "/*SCRIPT*/" not in page
    assert page.count("</script>") == 3, "no text of a tree ends a script"

    def data(name: str) -> Any:
        found = re.search(f'<script id="{name}" type="application/json">(.*?)</script>', page)
        assert found
        return json.loads(found[1])

    assert [(tree["scenario"], tree["reward"]) for tree in data("index")] == [("s", 1), ("t", 0.5)]
    tree = json.loads(gzip.decompress(base64.b64decode(data("trees")[0])))
    assert [(node["name"], node["kind"]) for node in tree["nodes"]] == [
        ("0", "bad"),
        ("1", "golden"),
        ("1.0", "bad"),
        ("1.1", "golden"),
    ]
    assert tree["nodes"][0]["errors"] == 1


# What is read in a message.


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ('{"error": "no such tool"}', True),
        ('{"error": ""}', False),
        ('{"success": false, "reason": "no table"}', False),
        ('["error"]', False),
        ('the "error" was mine', False),
        (None, False),
    ],
)
def test_is_error(content: str | None, error: bool) -> None:
    assert is_error({"role": "tool", "content": content}) is error
    assert not is_error({"role": "assistant", "content": content})


def test_meaning_leaves_out_ids_alone() -> None:
    one, other = call("a"), call("a")
    other["tool_calls"][0]["id"] = "chatcmpl-1"
    assert meaning(one) == meaning(other)
    assert meaning(one) != meaning(call("b"))
    assert meaning(one) != meaning(call("a", tool="search"))
    assert meaning({"role": "assistant", "content": None}) == meaning(say(""))
    assert meaning(say("a")) != meaning({"role": "user", "content": "a"})
