"""The synthetic corpus: a fictional city in MultiWOZ's file layout, the offline default."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

from dialogue.files import write_whole
from toolwoz.corpus.synthetic.city import City, build_city
from toolwoz.corpus.synthetic.dialogues import write_log
from toolwoz.corpus.synthetic.goals import sample_goal
from toolwoz.corpus.synthetic.sentences import message
from toolwoz.world.domains import DOMAINS

_ABSENT = ("taxi", "police", "hospital")


def write_corpus(out: Path, *, seed: int, train: int, val: int, test: int) -> list[Path]:
    """Write ``data.json``, the val and test id lists and ``*_db.json`` into ``out``.

    The same seed gives the same city, and every dialogue depends only on the seed, its split and
    its number: a larger corpus contains the smaller one.
    """
    city = build_city(seed)
    sizes = {"train": train, "val": val, "test": test}
    ids = {split: [f"{split.upper()}{i:06d}.json" for i in range(n)] for split, n in sizes.items()}
    dialogues = {
        key: _dialogue(city, Random(f"{seed} {key}")) for keys in ids.values() for key in keys
    }
    texts = {
        **{f"{name}_db.json": json.dumps(city.databases[name], indent=1) for name in DOMAINS},
        **{f"{name}ListFile.txt": "".join(f"{k}\n" for k in ids[name]) for name in ("val", "test")},
        "data.json": json.dumps(dialogues),
    }
    return [write_whole(out / name, texts[name]) for name in sorted(texts)]


def _dialogue(city: City, rng: Random) -> dict[str, Any]:
    goal = sample_goal(city, rng)
    absent: dict[str, Any] = {domain: {} for domain in (*_ABSENT, *DOMAINS) if domain not in goal}
    text = {"message": message(goal, city.name)}
    return {"goal": {**goal, **absent, **text}, "log": write_log(city, goal, rng)}


__all__ = ["City", "build_city", "write_corpus"]
