"""Fetching: from a mirror or a server, verified, resumed, and never half done."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from threading import Thread

import pytest

from dialogue.files import download
from dialogue.files.download import FetchError, PinnedFile, git_blob_id, obtain
from toolwoz.corpus import sources
from toolwoz.corpus.multiwoz import read_corpus
from toolwoz.corpus.releases import RELEASES
from toolwoz.corpus.sources import SOURCES, SyntheticConfig, fetch

CONTENT = bytes(range(256)) * 4_000  # 1 MB


@dataclass
class Server:
    """A file server that can break off, and counts what it was asked."""

    url: str
    ranges: list[str] = field(default_factory=list)
    breaks: int = 0
    """Connections still to be cut after half of what was asked for."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(download.time, "sleep", lambda _: None)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get("Range", "")
            state.ranges.append(asked)
            start = int(asked.removeprefix("bytes=").removesuffix("-") or 0)
            if self.path != "/file":
                self.send_error(404)
                return
            if start >= len(CONTENT):
                self.send_error(416)
                return
            self.send_response(206 if asked else 200)
            self.send_header("Content-Length", str(len(CONTENT) - start))
            self.end_headers()
            rest = CONTENT[start:]
            if state.breaks:
                state.breaks -= 1
                rest = rest[: len(rest) // 2]
            self.wfile.write(rest)

        def log_message(self, *_: object) -> None:
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state = Server(f"http://127.0.0.1:{httpd.server_port}")
    Thread(target=httpd.serve_forever, daemon=True).start()
    yield state
    httpd.shutdown()
    httpd.server_close()


def pinned(server: Server, **pin: str) -> PinnedFile:
    pin = pin or {"sha256": hashlib.sha256(CONTENT).hexdigest()}
    return PinnedFile("db/file.bin", "release/file.bin", f"{server.url}/file", **pin)


def names(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


@pytest.mark.parametrize(
    "proxy",
    [
        pytest.param(
            "socks5://127.0.0.1:9",
            marks=pytest.mark.skipif(find_spec("socksio") is not None, reason="httpx has SOCKS"),
        ),
        "nonsense://127.0.0.1:9",
    ],
)
def test_a_proxy_that_cannot_be_used_is_said(
    proxy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("all_proxy", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ALL_PROXY", proxy)
    file = PinnedFile("file", "file", "http://files.invalid/file", sha256="0" * 64)
    with pytest.raises(FetchError, match=r"files\.invalid.*proxies .*ALL_PROXY") as said:
        obtain(file, tmp_path, None)
    assert len(str(said.value).splitlines()) == 1


def test_a_download_is_verified_and_not_repeated(server: Server, tmp_path: Path) -> None:
    for _ in range(2):
        assert obtain(pinned(server), tmp_path, None).read_bytes() == CONTENT
    assert server.ranges == [""]
    assert names(tmp_path) == ["db/file.bin"]


def test_a_download_by_git_blob_id(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "hello"
    path.write_bytes(b"hello\n")
    assert git_blob_id(path) == "ce013625030ba8dba906f756967f9e9ca394464a"  # git hash-object
    path.write_bytes(CONTENT)
    file = pinned(server, blob=git_blob_id(path))
    assert obtain(file, tmp_path, None).read_bytes() == CONTENT
    with pytest.raises(FetchError, match="is not the pinned file"):
        obtain(replace(file, path="other", blob="0" * 40), tmp_path, None)
    assert names(tmp_path) == ["db/file.bin", "hello"]


def test_a_broken_download_continues(server: Server, tmp_path: Path) -> None:
    server.breaks = 2
    assert obtain(pinned(server), tmp_path, None).read_bytes() == CONTENT
    half = len(CONTENT) // 2
    assert server.ranges == ["", f"bytes={half}-", f"bytes={half + half // 2}-"]
    assert names(tmp_path) == ["db/file.bin"]


def test_it_continues_in_another_process_too(server: Server, tmp_path: Path) -> None:
    server.breaks = 4
    with pytest.raises(FetchError, match="run again to continue"):
        obtain(pinned(server), tmp_path, None)
    assert names(tmp_path) == ["db/file.bin.part"]
    assert obtain(pinned(server), tmp_path, None).read_bytes() == CONTENT
    assert server.ranges[-1].startswith("bytes=")
    assert names(tmp_path) == ["db/file.bin"]


def test_a_complete_part_is_taken_as_it_is(server: Server, tmp_path: Path) -> None:
    (tmp_path / "db").mkdir()
    (tmp_path / "db" / "file.bin.part").write_bytes(CONTENT)
    assert obtain(pinned(server), tmp_path, None).read_bytes() == CONTENT


def test_a_wrong_checksum_leaves_nothing(server: Server, tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="/file is not the pinned file: its checksum differs"):
        obtain(pinned(server, sha256="0" * 64), tmp_path, None)
    assert names(tmp_path) == []


def test_a_file_that_is_not_there_is_named(server: Server, tmp_path: Path) -> None:
    file = replace(pinned(server), url=f"{server.url}/gone")
    with pytest.raises(FetchError, match=r"/gone: the server answers .*404"):
        obtain(file, tmp_path, None)
    assert names(tmp_path) == []


def test_a_damaged_file_is_fetched_again(server: Server, tmp_path: Path) -> None:
    obtain(pinned(server), tmp_path, None).write_bytes(b"damaged")
    assert obtain(pinned(server), tmp_path, None).read_bytes() == CONTENT


def test_the_mirror_goes_first_and_is_verified_too(server: Server, tmp_path: Path) -> None:
    mirror = tmp_path / "mirror" / "release"
    mirror.mkdir(parents=True)
    (mirror / "file.bin").write_bytes(CONTENT)
    out = tmp_path / "out"
    assert obtain(pinned(server), out, mirror.parent).read_bytes() == CONTENT
    assert server.ranges == []
    (mirror / "file.bin").write_bytes(b"another")
    with pytest.raises(FetchError, match=r"mirror/release/file\.bin is not the pinned file"):
        obtain(pinned(server), tmp_path / "again", mirror.parent)
    assert names(tmp_path / "again") == []
    (mirror / "file.bin").unlink()
    obtain(pinned(server), tmp_path / "again", mirror.parent)
    assert server.ranges == [""]


def test_every_release_is_pinned() -> None:
    for name, files in RELEASES.items():
        assert len({file.path for file in files}) == len(files)
        for file in files:
            commit = file.url.split("/")[5]
            assert len(commit) == 40
            assert int(commit, 16)
            assert len(file.sha256) in {0, 64}
            assert file.sha256 or file.blob or name == "multiwoz22"


def test_another_source_replaces_the_files_of_the_last(golden: Path, tmp_path: Path) -> None:
    out = tmp_path / "raw"
    fetch("synthetic", out, synthetic=SyntheticConfig(seed=1, train=2, val=1, test=1))
    (out / "notes.md").write_text("mine")
    own = tmp_path / "own"
    shutil.copytree(golden / "multiwoz", own)
    (own / "data.json").rename(own / "train.json")
    fetch(str(own), out)
    assert "data.json" not in names(out)
    assert "notes.md" in names(out)
    record = json.loads((out / "SOURCE.json").read_text())
    assert record["source"] == str(own)
    assert set(record["files"]) == {path.name for path in own.iterdir()}


def test_a_fetch_that_fails_takes_nothing_away(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch("synthetic", tmp_path, synthetic=SyntheticConfig(seed=1, train=2, val=1, test=1))
    before = names(tmp_path)
    gone = replace(pinned(server), url=f"{server.url}/gone")
    monkeypatch.setattr(sources, "RELEASES", {"broken": (gone,)})
    monkeypatch.setattr(sources, "SOURCES", ("broken",))
    with pytest.raises(FetchError):
        fetch("broken", tmp_path)
    assert names(tmp_path) == before
    assert read_corpus(tmp_path).name == "synthetic"


def test_the_synthetic_corpus_is_the_same_every_time(tmp_path: Path) -> None:
    size = SyntheticConfig(seed=5, train=3, val=1, test=1)
    records = [
        (fetch("synthetic", tmp_path / str(i), synthetic=size) / "SOURCE.json").read_text()
        for i in range(2)
    ]
    assert records[0] == records[1]


def test_an_unknown_source_is_told_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(FetchError) as caught:
        fetch("multiwoz99", tmp_path / "raw")
    assert all(name in str(caught.value) for name in SOURCES)


def test_a_source_is_not_fetched_into_itself(golden: Path, tmp_path: Path) -> None:
    own = Path(shutil.copytree(golden / "multiwoz", tmp_path / "own"))
    with pytest.raises(FetchError, match="lies inside the source"):
        fetch(str(own), own / "raw")
