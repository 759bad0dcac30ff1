"""What comes over the network, from a server on this computer."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from unmixcli.errors import WeightsError
from unmixcli.weights import catalogue, loader, store
from unmixcli.weights.download import download


class Server(ThreadingHTTPServer):
    """Answers with what ``pages`` says: bytes, or the address to go to."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.pages: dict[str, bytes | str] = {}
        self.asked: list[str] = []

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        self.server.asked.append(f"{self.command} {self.path}")
        page = self.server.pages.get(self.path)
        if page is None:
            self.send_error(404)
            return
        content = page if isinstance(page, bytes) else b""
        self.send_response(200 if isinstance(page, bytes) else 302)
        if isinstance(page, str):
            self.send_header("Location", page)
        self.send_header("Content-Length", str(len(content)))
        # What the hub's library wants of every file.
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header("X-Repo-Commit", "0" * 40)
        self.end_headers()
        if body:
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.shutdown()


def test_a_file_comes_whole_and_says_how_far_it_is(server, tmp_path):
    server.pages["/a.th"] = content = bytes(range(256)) * 10_000
    seen = []

    download(f"{server.base}/a.th", tmp_path / "a.part", len(content), lambda *p: seen.append(p))

    assert (tmp_path / "a.part").read_bytes() == content
    assert seen[-1] == (len(content), len(content))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_more_than_there_should_be_is_not_taken(server, tmp_path):
    server.pages["/a.th"] = bytes(3_000_000)

    with pytest.raises(OSError, match="more than the 1000 bytes"):
        download(f"{server.base}/a.th", tmp_path / "a.part", 1000)

    assert (tmp_path / "a.part").stat().st_size < 3_000_000


@pytest.mark.parametrize(
    "target", ["http://example.org/a.th", "ftp://example.org/a.th", "file:///etc/passwd"]
)
def test_a_redirect_cannot_leave_https(server, tmp_path, target):
    server.pages["/a.th"] = target

    with pytest.raises(OSError, match=r"https|not allowed"):
        download(f"{server.base}/a.th", tmp_path / "a.part")


@pytest.mark.parametrize(
    "address", ["http://example.org/a", "file:///etc/passwd", "ftp://a/b", "", "https:/a", "a b"]
)
def test_only_https_is_opened(tmp_path, address):
    with pytest.raises(OSError):  # noqa: PT011  (whatever refuses it)
        download(address, tmp_path / "a.part")

    assert not (tmp_path / "a.part").exists()


def test_a_mirror_may_be_a_server(collection, server, monkeypatch):
    content = (collection.mirror / "tiny" / "tiny-0.th").read_bytes()
    server.pages["/weights/tiny/tiny-0.th"] = content
    monkeypatch.setenv("UNMIXCLI_MIRROR", f"{server.base}/weights/")

    assert loader.load("tiny").sha256 == (hashlib.sha256(content).hexdigest(),)
    assert server.asked == ["GET /weights/tiny/tiny-0.th"]


def test_the_same_number_of_other_bytes_is_refused_and_not_kept(collection, server, monkeypatch):
    content = bytearray((collection.mirror / "tiny" / "tiny-0.th").read_bytes())
    content[len(content) // 2] ^= 1
    server.pages["/tiny/tiny-0.th"] = bytes(content)
    monkeypatch.setenv("UNMIXCLI_MIRROR", server.base)

    with pytest.raises(WeightsError, match="is not what the manifest says"):
        loader.load("tiny")

    entry = catalogue.get("tiny")
    assert list(store.place(entry, entry.files[0]).parent.iterdir()) == []


@pytest.mark.parametrize("damage", [False, True], ids=["right bytes", "other bytes"])
def test_a_file_of_the_hub_comes_by_its_library(collection, server, tmp_path, damage):
    """In a process of its own: the library takes the hub's address when it is imported."""
    content = (collection.mirror / "tiny" / "tiny-0.th").read_bytes()
    served = content[:-1] + b"x" if damage else content
    server.pages["/some/repo/resolve/" + "0" * 40 + "/folder/tiny-0.th"] = served
    collection.only_file().update(
        kind="hub", path="folder/tiny-0.th", repo="some/repo", revision="0" * 40
    )
    collection.write()
    environment = {
        **os.environ,
        "HF_ENDPOINT": server.base,
        "HF_HOME": str(tmp_path / "hf"),
        "HF_HUB_DISABLE_XET": "1",
    }
    del environment["UNMIXCLI_MIRROR"]
    code = (
        "import json, sys\n"
        "from unmixcli.weights import loader\n"
        "from unmixcli.errors import WeightsError\n"
        "seen = []\n"
        "try:\n"
        "    model = loader.load('tiny', lambda *p: seen.append(p))\n"
        "    print(json.dumps([model.sha256[0], seen[-1][0]]))\n"
        "except WeightsError as error:\n"
        "    print(json.dumps(str(error)))\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )

    kept = [path for path in collection.home.rglob("*") if path.is_file()]
    if damage:
        assert "is not what the manifest says" in json.loads(done.stdout)
        assert kept == []
    else:
        digest = hashlib.sha256(content).hexdigest()
        assert json.loads(done.stdout) == [digest, len(content)]
        assert [path.name for path in kept] == ["tiny-0.th"]
    assert done.stderr == ""
