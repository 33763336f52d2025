"""A page of trees that needs no other file: drawn, searchable, every message a click away."""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from typing import Any

from dialogue.files import write_whole
from dialogue.messages import is_error
from dialogue.strict_json import compact_json
from josh.tree.tree import Tree


def write_page(path: Path, trees: Iterable[Tree], title: str = "JOSH trees") -> int:
    """Write a page of all trees; returns how many.

    Each tree is packed by itself and unpacked when it is looked at, so that a page of thousands
    opens at once. The file appears when it is complete, or not at all.
    """
    index, packed = [], []
    for tree in trees:
        index.append(_summary(tree))
        packed.append(
            base64.b64encode(gzip.compress(compact_json(_content(tree)), mtime=0)).decode()
        )
    page = files("josh.view") / "page"
    html = (page / "page.html").read_text("utf-8")
    texts = {
        "/*STYLE*/": (page / "page.css").read_text("utf-8"),
        "/*SCRIPT*/": (page / "page.js").read_text("utf-8"),
        "<!--TITLE-->": title.replace("&", "&amp;").replace("<", "&lt;"),
        "[/*INDEX*/]": _script_json(index),
        "[/*TREES*/]": _script_json(packed),
    }
    # In one pass, so that a scenario named as a place stays a name.
    places = re.compile("|".join(map(re.escape, texts)))
    write_whole(path, places.sub(lambda found: texts[found[0]], html))
    return len(index)


def _summary(tree: Tree) -> dict[str, Any]:
    """The entry of a tree in the list."""
    return {
        "scenario": tree.scenario,
        "goals": sorted(tree.goals),
        "earned": sorted(tree.earned(tree.golden_leaf)),
        "reward": round(tree.reward, 3),
        "golden": tree.golden_leaf is not None,
        "nodes": len(tree.nodes),
        "tokens": tree.completion_tokens,
        "error": tree.error,
    }


def _content(tree: Tree) -> dict[str, Any]:
    """A tree with everything that the page shows of it, so that the page computes nothing."""
    golden = set(tree.golden_path)
    nodes = [
        {
            **node.to_json(),
            "name": tree.name(index),
            "kind": "golden" if index in golden else "bad" if index in tree.bad else "other",
            "errors": sum(map(is_error, node.messages)),
        }
        for index, node in enumerate(tree.nodes)
    ]
    for node in nodes:
        for call in node["calls"]:
            del call["token_ids"], call["logprobs"]
    return {"messages": list(tree.messages), "nodes": nodes}


def _script_json(value: Any) -> str:
    # "</script" inside a string would end the script it is in.
    return json.dumps(value).replace("<", "\\u003c")
