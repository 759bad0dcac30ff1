"""Files of weights arrive whole and as the manifest says, or not at all."""

from __future__ import annotations

import hashlib
import os
import socket
from http.client import IncompleteRead
from urllib.error import HTTPError, URLError

import pytest

from unmixcli.errors import UnknownModelError, WeightsError
from unmixcli.weights import catalogue, loader, store


def placed(name: str = "tiny"):
    entry = catalogue.get(name)
    return store.place(entry, entry.files[0])


def test_weights_come_from_the_mirror_once(collection, monkeypatch):
    content = (collection.mirror / "tiny" / "tiny-0.th").read_bytes()

    model = loader.load("tiny")

    assert placed().read_bytes() == content
    assert model.sha256 == (hashlib.sha256(content).hexdigest(),)
    assert list(placed().parent.iterdir()) == [placed()]
    monkeypatch.setenv("UNMIXCLI_OFFLINE", "1")
    (collection.mirror / "tiny" / "tiny-0.th").unlink()
    assert loader.load("tiny").sha256 == model.sha256


def test_what_is_here_needs_no_socket(collection, monkeypatch):
    loader.load("tiny")
    monkeypatch.delenv("UNMIXCLI_MIRROR")
    monkeypatch.setattr(socket, "socket", lambda *_, **__: pytest.fail("a socket was opened"))

    assert loader.load("tiny").name == "tiny"


@pytest.mark.parametrize("name", ["TINY", "alias-of-tiny", "Alias-Of-Tiny"])
def test_a_model_is_found_by_its_aliases_in_whatever_case(collection, name):
    assert loader.load(name).name == "tiny"


def test_a_file_of_other_bytes_never_gets_its_final_name(collection):
    file = collection.mirror / "tiny" / "tiny-0.th"
    file.write_bytes(file.read_bytes()[:-1] + b"x")

    with pytest.raises(WeightsError, match="is not what the manifest says"):
        loader.load("tiny")

    assert list(placed().parent.iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"size": 17}, "expected 17 bytes"),
        ({"sha256": "0" * 64}, "expected " + "0" * 64),
        ({"sha512": "0" * 128}, "sha512"),
        ({"git_blob_sha1": "0" * 40}, "git_blob_sha1"),
        ({"sha256": None, "sha256_prefix": "00000000"}, "expected 00000000"),
        ({"sha256": None}, "no hash of 'tiny-0.th' is published"),
    ],
    ids=str,
)
def test_every_fact_of_the_manifest_is_held_against_the_file(collection, changes, said):
    collection.only_file().update(changes)
    collection.write()

    with pytest.raises(WeightsError) as caught:
        loader.load("tiny")

    assert said in str(caught.value)


def test_other_hashes_are_enough_where_they_are_all_that_is_published(collection):
    content = (collection.mirror / "tiny" / "tiny-0.th").read_bytes()
    blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    for known in (
        {"sha512": hashlib.sha512(content).hexdigest()},
        {"git_blob_sha1": blob},
        {"sha256_prefix": hashlib.sha256(content).hexdigest()[:8]},
    ):
        collection.only_file().update({"sha256": None, "size": None} | known)
        collection.write()

        assert loader.load("tiny").name == "tiny"


def test_an_alternative_is_taken_where_the_file_cannot_be_had(collection):
    file = collection.only_file()
    other = {key: value for key, value in file.items() if key != "alternatives"}
    file.update(
        kind="hub",
        path="somewhere/absent.safetensors",
        repo="a/b",
        revision="0" * 40,
        format="demucs-safetensors",
        alternatives=[other],
    )
    collection.write()

    assert loader.load("tiny").name == "tiny"
    assert [path.name for path in (collection.home / "weights" / "tiny").iterdir()] == ["tiny-0.th"]


def test_offline_says_what_to_do(collection, monkeypatch):
    monkeypatch.delenv("UNMIXCLI_MIRROR")
    monkeypatch.setenv("UNMIXCLI_OFFLINE", "1")

    with pytest.raises(WeightsError, match="UNMIXCLI_OFFLINE is set") as caught:
        loader.load("tiny")

    hint = str(caught.value.hint)
    assert "unmixcli models download tiny" in hint
    assert "UNMIXCLI_MIRROR" in hint
    assert "https://example.org/somewhere/tiny-0.th" in hint
    assert "'mini'" in hint


def test_a_file_without_an_address_is_to_be_imported(collection):
    collection.only_file().update(kind="manual", sha256=None)
    collection.write()

    with pytest.raises(WeightsError, match="cannot be downloaded safely") as caught:
        loader.load("tiny")

    assert "unmixcli models import" in str(caught.value.hint)


def test_a_file_changed_after_it_was_fetched_is_refused(collection):
    loader.load("tiny")
    changed = bytearray(placed().read_bytes())
    changed[-1] ^= 1
    placed().write_bytes(changed)

    with pytest.raises(WeightsError, match="is not what the manifest says"):
        loader.load("tiny")


def test_a_link_out_of_the_cache_is_refused(collection, tmp_path):
    loader.load("tiny")
    elsewhere = tmp_path / "elsewhere.th"
    elsewhere.write_bytes(placed().read_bytes())
    placed().unlink()
    placed().symlink_to(elsewhere)

    with pytest.raises(WeightsError, match="outside the cache"):
        loader.load("tiny")


def test_the_whole_cache_may_be_a_link(collection, tmp_path, monkeypatch):
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "disk")
    monkeypatch.setenv("UNMIXCLI_HOME", str(tmp_path / "link"))

    assert loader.load("tiny").name == "tiny"


def test_neither_a_name_nor_a_file_is_an_unknown_model():
    with pytest.raises(UnknownModelError, match="no model named 'minni'") as caught:
        loader.load("minni")

    assert "'mini'" in str(caught.value.hint)


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
def test_a_download_that_fails_says_why_and_leaves_nothing(collection, monkeypatch, failure, said):
    monkeypatch.delenv("UNMIXCLI_MIRROR")

    def fail(*_, **__):
        raise failure

    monkeypatch.setattr(store, "download", fail)

    with pytest.raises(WeightsError, match="cannot be fetched") as caught:
        loader.load("tiny")

    assert said in str(caught.value)
    assert list(placed().parent.iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_cache_that_cannot_be_written_is_named(collection, tmp_path, monkeypatch):
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    monkeypatch.setenv("UNMIXCLI_HOME", str(locked))

    with pytest.raises(WeightsError, match="Permission denied"):
        loader.load("tiny")
