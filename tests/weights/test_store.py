"""Files of weights arrive whole and as the manifest says, or not at all."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from http.client import IncompleteRead
from urllib.error import HTTPError, URLError

import pytest
import torch

from unmixcli.errors import UnknownModelError, WeightsError
from unmixcli.schedule import Schedule
from unmixcli.weights import loader, manifest, store
from unmixcli.weights.manifest import Licence, ManifestEntry, WeightFile
from unmixcli.weights.registry import architecture, configure

CONFIG = {"sources": ["a", "b"], "sample_rate": 8000, "channels": 1, "width": 2, "depth": 2}


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    """A folder laid out as a mirror with one tiny published state in it, and its entry."""
    network = architecture("demucs").build(configure("demucs", CONFIG))
    source = tmp_path / "mirror" / "tiny" / "tiny-state.th"
    source.parent.mkdir(parents=True)
    torch.save(network.state_dict(), source)
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    entry = ManifestEntry(
        name="tiny",
        summary="for tests",
        architecture="demucs",
        config=CONFIG,
        schedule=Schedule(segment=8000),
        files=(
            WeightFile(
                kind="url",
                path="https://example.org/somewhere/tiny-state.th",
                format="torch-state",
                size=None,
                sha256=None,
                sha256_prefix=digest[:8],
            ),
        ),
        licence=Licence(spdx="CC0-1.0"),
        parameters=1,
        paper=None,
        scores={},
    )
    monkeypatch.setattr(manifest, "models", lambda: {"tiny": entry})
    monkeypatch.setenv("UNMIXCLI_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("UNMIXCLI_MIRROR", str(tmp_path / "mirror"))
    return entry, source


def test_weights_come_from_the_mirror_once(mirror, monkeypatch):
    entry, source = mirror
    seen = []

    model = loader.load("tiny", lambda done, total: seen.append((done, total)))

    final = store.place(entry, entry.files[0])
    assert final.read_bytes() == source.read_bytes()
    assert seen[-1] == (source.stat().st_size, None)
    assert model.sha256.startswith(entry.files[0].sha256_prefix)
    assert list(final.parent.iterdir()) == [final]
    monkeypatch.setenv("UNMIXCLI_OFFLINE", "1")
    source.unlink()
    assert loader.load("tiny").sha256 == model.sha256


def test_a_file_of_other_bytes_never_gets_its_final_name(mirror):
    entry, source = mirror
    source.write_bytes(source.read_bytes()[:-1] + b"x")

    with pytest.raises(WeightsError, match="is not what the manifest says"):
        loader.load("tiny")

    assert list(store.place(entry, entry.files[0]).parent.iterdir()) == []


def test_a_file_of_another_size_is_refused(mirror):
    entry, _ = mirror
    file = replace(entry.files[0], size=17)

    with pytest.raises(WeightsError, match=r"expected .*, 17 bytes"):
        store.fetch(entry, file)


def test_a_file_without_a_hash_is_refused(mirror):
    entry, _ = mirror
    file = replace(entry.files[0], sha256_prefix=None)

    with pytest.raises(WeightsError, match="has no hash"):
        store.fetch(entry, file)


def test_offline_says_where_to_put_the_file(mirror, monkeypatch):
    monkeypatch.delenv("UNMIXCLI_MIRROR")
    monkeypatch.setenv("UNMIXCLI_OFFLINE", "1")

    with pytest.raises(WeightsError, match="UNMIXCLI_OFFLINE is set") as caught:
        loader.load("tiny")

    assert "https://example.org/somewhere/tiny-state.th" in str(caught.value.hint)
    assert "'mini'" in str(caught.value.hint)


@pytest.mark.parametrize("address", ["http://example.org/a.th", "file:///etc/passwd", "ftp://a/b"])
def test_only_https_is_opened(mirror, monkeypatch, address):
    monkeypatch.delenv("UNMIXCLI_MIRROR")
    entry, _ = mirror

    with pytest.raises(WeightsError, match="is not an https address"):
        store.fetch(entry, replace(entry.files[0], path=address))


def serve(mirror, monkeypatch, content: bytes) -> None:
    """Let the mirror and the manifest agree on other bytes."""
    entry, source = mirror
    source.write_bytes(content)
    prefix = hashlib.sha256(content).hexdigest()[:8]
    changed = replace(entry, files=(replace(entry.files[0], sha256_prefix=prefix),))
    monkeypatch.setattr(manifest, "models", lambda: {"tiny": changed})


@pytest.mark.parametrize("content", [b"", b"<html>404</html>", b"PK\x03\x04", b"\x80\x02c"])
def test_a_state_that_is_none_is_refused(mirror, monkeypatch, content):
    serve(mirror, monkeypatch, content)

    with pytest.raises(WeightsError, match="cannot read"):
        loader.load("tiny")


class Gadget:
    """What a pickle can do to whoever loads it."""

    def __reduce__(self):
        return (print, ("executed",))


def test_a_state_that_would_run_code_is_refused(mirror, monkeypatch, tmp_path, capsys):
    torch.save({"weight": Gadget()}, tmp_path / "gadget.th")
    serve(mirror, monkeypatch, (tmp_path / "gadget.th").read_bytes())

    with pytest.raises(WeightsError, match="cannot read"):
        loader.load("tiny")

    assert capsys.readouterr().out == ""


def test_a_file_changed_after_it_was_fetched_is_refused(mirror):
    entry, _ = mirror
    loader.load("tiny")
    final = store.place(entry, entry.files[0])
    network = architecture("demucs").build(configure("demucs", CONFIG))
    torch.save(network.state_dict(), final)

    with pytest.raises(WeightsError, match="is not what the manifest says"):
        loader.load("tiny")


def test_neither_a_name_nor_a_file_is_an_unknown_model():
    with pytest.raises(UnknownModelError, match="no model named 'minni'") as caught:
        loader.load("minni")

    assert caught.value.hint == "did you mean 'mini'?"


def test_the_embedded_model_names_a_better_one():
    advice = loader.advice()

    assert "'mini' (4 MB, MIT)" in advice
    assert "--model demucs" in advice
    assert "about 1,063 MB" in advice
    assert "for research" in advice


def test_a_user_without_a_home_is_told_what_to_name(monkeypatch):
    monkeypatch.delenv("UNMIXCLI_HOME", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)

    def homeless(*_):
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(store.Path, "home", homeless)

    with pytest.raises(WeightsError, match="no home folder") as caught:
        store.home()

    assert "UNMIXCLI_HOME" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (URLError(OSError(-2, "Name or service not known")), "Name or service not known"),
        (HTTPError("https://example.org", 404, "Not Found", {}, None), "Not Found"),
        (IncompleteRead(b"abc", 100), "IncompleteRead"),
        (TimeoutError("timed out"), "timed out"),
    ],
    ids=["no name", "404", "cut short", "timeout"],
)
def test_a_download_that_fails_says_why_and_leaves_nothing(mirror, monkeypatch, failure, said):
    monkeypatch.delenv("UNMIXCLI_MIRROR")
    entry, _ = mirror

    def fail(*_, **__):
        raise failure

    monkeypatch.setattr(store, "urlopen", fail)

    with pytest.raises(WeightsError, match="cannot be fetched") as caught:
        loader.load("tiny")

    assert said in str(caught.value)
    assert list(store.place(entry, entry.files[0]).parent.iterdir()) == []
