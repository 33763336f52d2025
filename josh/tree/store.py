"""Files of trees: JSON lines to read, Parquet to analyse; both give the same trees back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from dialogue.files import replacing
from dialogue.strict_json import compact_json
from josh.tree.tree import Tree
from josh.tree.tree_json import from_json, to_bytes, to_json

TREES_PER_GROUP = 100
"""Trees in a Parquet row group, and so in memory at once when one is read or written."""


@contextmanager
def tree_writer(path: Path) -> Iterator[Callable[[Tree], None]]:
    """A function that writes a tree as one line (``.jsonl``) or one row (``.parquet``).

    The file appears when the block ends, complete; or, after an exception, not at all.

    Raises:
        ValueError: the name has another suffix.
    """
    open_format = _WRITERS[_format(path)]
    with replacing(path) as part, open_format(part) as write:
        yield write


def write_trees(path: Path, trees: Iterable[Tree]) -> int:
    """Write trees to a file, all or none; returns how many. See :func:`tree_writer`."""
    count = 0
    with tree_writer(path) as write:
        for tree in trees:
            write(tree)
            count += 1
    return count


def read_trees(path: Path) -> Iterator[Tree]:
    """The trees of a file, in its order, a few in memory at a time.

    Raises:
        ValueError: the name does not end in ``.jsonl`` or ``.parquet``, or a record is no tree;
            the message names the file and the line or row.
    """
    for number, record in enumerate(_READERS[_format(path)](path), 1):
        try:
            yield from_json(_from_row(record) if isinstance(record, dict) else json.loads(record))
        except ValueError as error:
            raise ValueError(f"{path}:{number}: {error}") from error


def _format(path: Path) -> str:
    if path.suffix not in _WRITERS:
        raise ValueError(f"{path}: trees are kept in .jsonl or .parquet files")
    return path.suffix


@contextmanager
def _write_jsonl(path: Path) -> Iterator[Callable[[Tree], None]]:
    with path.open("wb") as file:

        def write(tree: Tree) -> None:
            file.write(to_bytes(tree) + b"\n")

        yield write


def _read_jsonl(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from file


def _schema() -> Any:
    import pyarrow as pa

    call = pa.struct(
        {
            "seed": pa.int64(),
            "model": pa.string(),
            "finish_reason": pa.string(),
            "prompt_tokens": pa.int64(),
            "completion_tokens": pa.int64(),
            "token_ids": pa.list_(pa.int64()),
            "logprobs": pa.list_(pa.float64()),
        }
    )
    node = pa.struct(
        {
            "parent": pa.int64(),
            "messages": pa.string(),
            "earned": pa.list_(pa.string()),
            "calls": pa.list_(call),
            "ended": pa.string(),
            "error": pa.string(),
        }
    )
    return pa.schema(
        {
            "schema_version": pa.int64(),
            "scenario": pa.string(),
            "goals": pa.list_(pa.string()),
            "tools": pa.string(),
            "messages": pa.string(),
            "nodes": pa.list_(node),
            "golden_leaf": pa.int64(),
            "error": pa.string(),
        }
    )


@contextmanager
def _write_parquet(path: Path) -> Iterator[Callable[[Tree], None]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    group: list[dict[str, Any]] = []
    with pq.ParquetWriter(path, _schema(), compression="zstd") as writer:

        def flush() -> None:
            writer.write_table(pa.Table.from_pylist(group, schema=_schema()))
            group.clear()

        def write(tree: Tree) -> None:
            group.append(_to_row(tree))
            if len(group) == TREES_PER_GROUP:
                flush()

        yield write
        flush()


def _read_parquet(path: Path) -> Iterator[dict[str, Any]]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=TREES_PER_GROUP):
            yield from batch.to_pylist()


def _to_row(tree: Tree) -> dict[str, Any]:
    # Messages and schemas stay JSON text: Arrow would give every object the keys of all of them.
    data = to_json(tree)
    nodes = [{**node, "messages": _text(node["messages"])} for node in data["nodes"]]
    return {
        **data,
        "tools": _text(data["tools"]),
        "messages": _text(data["messages"]),
        "nodes": nodes,
    }


def _from_row(row: dict[str, Any]) -> dict[str, Any]:
    nodes = [{**node, "messages": json.loads(node["messages"])} for node in row["nodes"]]
    return {
        **row,
        "tools": json.loads(row["tools"]),
        "messages": json.loads(row["messages"]),
        "nodes": nodes,
    }


def _text(value: Any) -> str:
    return compact_json(value).decode()


_WRITERS: dict[str, Callable[[Path], AbstractContextManager[Callable[[Tree], None]]]] = {
    ".jsonl": _write_jsonl,
    ".parquet": _write_parquet,
}
_READERS: dict[str, Callable[[Path], Iterator[bytes | dict[str, Any]]]] = {
    ".jsonl": _read_jsonl,
    ".parquet": _read_parquet,
}
