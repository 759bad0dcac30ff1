"""Rows 36, 37, 39, 45, 46, 51, 52 and 55: what is kept, and who else could have put it there."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
import torch

from attacks import archives, pickles, safetensors_files, victims
from tiny_models import tiny_network
from unmixcli.errors import ConfigError, UnknownModelError, WeightsError
from unmixcli.weights import catalogue, loader, store

NAME = "tiny"

posix = pytest.mark.skipif(os.name != "posix", reason="permissions are others there")


@pytest.fixture
def tiny(collection, attack, monkeypatch):
    """A manifest with the model ``tiny``, a mirror that has its file, and an empty cache."""
    for variable, value in (
        ("HOME", collection.home),
        ("MIRROR", collection.mirror),
        ("MANIFEST", collection.manifest),
    ):
        monkeypatch.setenv(f"UNMIXCLI_{variable}", str(value))
    return collection


def mirrored(tiny) -> Path:
    return tiny.mirror / NAME / "tiny-0.th"


def cached() -> Path:
    entry = catalogue.get(NAME)
    return store.place(entry, entry.files[0])


def corrupt(path: Path) -> None:
    """Exchange a byte in the middle; the length stays."""
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)


def test_row_39_a_corrupt_file_of_the_same_length_is_refused_and_not_kept(attack, tiny):
    honest = mirrored(tiny).read_bytes()
    corrupt(mirrored(tiny))

    message = attack.refused(loader.load, NAME, said="is not what the manifest says")

    assert tiny.only_file()["sha256"] in message
    assert message.count("sha256") == 1
    assert list(cached().parent.iterdir()) == []
    mirrored(tiny).write_bytes(honest)
    attack.survives(loader.load, NAME)  # a good mirror mends it


def test_row_37_both_hashes_are_told(attack, tiny):
    file = tiny.only_file()
    honest, file["sha256"] = file["sha256"], "0" * 64
    tiny.write()

    message = attack.refused(loader.load, NAME)

    assert honest in message
    assert "0" * 64 in message
    assert not cached().exists()


@pytest.mark.parametrize("length", [0, 1, 1000])
def test_row_36_a_file_of_the_cache_that_was_changed_is_refused(attack, tiny, length):
    attack.survives(loader.load, NAME)
    if length:
        cached().write_bytes(cached().read_bytes()[:length])
    else:
        corrupt(cached())

    attack.refused(loader.load, NAME, said="is not what the manifest says")


def test_row_51_what_is_hashed_is_what_is_parsed(attack, tiny, monkeypatch):
    """Whoever exchanges the file after its hash was found right comes too late."""
    require = store.require_hash

    def exchange(file, found, *, name):
        require(file, found, name=name)
        for path in (cached(), found.path):
            if path.exists():
                path.write_bytes(archives.zipped(pickles.GADGETS["1-reduce-canary"]))

    attack.survives(loader.load, NAME)
    monkeypatch.setattr(store, "require_hash", exchange)

    [network] = attack.survives(loader.load, NAME).networks

    expected = tiny_network().state_dict()
    assert all(torch.equal(w, expected[key]) for key, w in network.state_dict().items())
    attack.refused(loader.load, NAME, said="is not what the manifest says")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("tiny-0.h5", b"\x89HDF\r\n\x1a\n" + bytes(1000)),
        ("tiny-0.safetensors", safetensors_files.honest()),
    ],
)
def test_row_51_other_formats_are_parsed_from_what_was_hashed(
    attack, tiny, monkeypatch, name, content
):
    form = {"tiny-0.h5": "keras-hdf5", "tiny-0.safetensors": "native"}[name]
    file = tiny.file(NAME, name, content, format=form)
    tiny.entries[NAME]["members"] = [tiny.member(file)]
    tiny.write()
    require = store.require_hash
    opened = []

    def forget(file, found, *, name):
        require(file, found, name=name)
        if found.path == cached():
            opened.append(found.path)
            found.path.unlink()

    monkeypatch.setattr(store, "require_hash", forget)
    try:
        attack.survives(loader.load, NAME)
    except WeightsError as error:
        assert "no weights file" not in str(error)  # noqa: PT017 a damaged file is refused either way
    assert opened


def test_row_55_a_link_out_of_the_cache_is_refused(attack, tiny):
    outside = attack.file(mirrored(tiny).read_bytes(), "outside/tiny-0.th")
    cached().parent.mkdir(parents=True)
    cached().symlink_to(outside)

    attack.refused(loader.load, NAME, said="outside the cache")


def test_row_55_a_folder_that_is_a_link_out_of_the_cache_is_not_written_to(attack, tiny):
    outside = attack.folder / "outside"
    outside.mkdir()
    cached().parent.parent.mkdir(parents=True)
    cached().parent.symlink_to(outside)

    attack.refused(loader.load, NAME, said="outside the cache")

    assert list(outside.iterdir()) == []


def test_row_55_a_folder_that_is_a_link_to_itself_is_refused(attack, tiny):
    cached().parent.parent.mkdir(parents=True)
    cached().parent.symlink_to(cached().parent)

    attack.refused(loader.load, NAME)


def test_a_model_of_other_sources_than_the_manifest_says_is_refused(attack, tiny):
    """The manifest's are what stems are called, and looked up by."""
    tiny.entries[NAME]["sources"] = ["a", "b"]
    tiny.write()

    attack.refused(loader.load, NAME, said="other sources")


@pytest.mark.parametrize("shares", [[1.0], [1.0] * 5], ids=len)
def test_shares_of_other_sources_are_refused(attack, tiny, shares):
    tiny.entries[NAME]["members"][0]["shares"] = shares
    tiny.write()

    attack.refused(loader.load, NAME, said="shares of other sources")


def test_row_55_a_link_to_nothing_is_replaced_or_refused(attack, tiny):
    cached().parent.mkdir(parents=True)
    cached().symlink_to(attack.folder / "absent")

    try:
        attack.survives(loader.load, NAME)
    except WeightsError:
        pass
    else:
        assert not cached().is_symlink()
    assert not (attack.folder / "absent").exists()


@pytest.mark.parametrize("kind", ["folder", "pipe", "device"])
def test_what_is_no_file_is_not_read(attack, tiny, kind):
    cached().parent.mkdir(parents=True)
    if kind == "folder":
        cached().mkdir()
    elif kind == "device":
        cached().symlink_to("/dev/null")
    elif hasattr(os, "mkfifo"):
        os.mkfifo(cached())

    try:
        attack.survives(loader.load, NAME)
    except WeightsError as error:
        assert str(error).isprintable()  # noqa: PT017 either is right


@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_a_mirror_of_what_is_no_file_is_refused(attack, tiny, kind):
    mirrored(tiny).unlink()
    if kind == "folder":
        mirrored(tiny).mkdir()
    elif hasattr(os, "mkfifo"):
        os.mkfifo(mirrored(tiny))

    attack.refused(loader.load, NAME, said="cannot be fetched")

    assert list(cached().parent.iterdir()) == []


# Models that a user has imported.


@pytest.fixture
def mine(attack) -> Path:
    """An imported model's folder."""
    path = attack.file(archives.zipped(victims.package(), victims.records()))
    attack.survives(victims.import_alone, path)
    attack.survives(loader.load, victims.NAME)
    return store.imported_home() / victims.NAME


def rewritten(folder: Path, **changes) -> None:
    """Change an imported model's entry, or its file's."""
    path = folder / catalogue.ENTRY
    document = json.loads(path.read_text())
    [entry] = document["models"]
    for key, value in changes.items():
        target = (
            entry["members"][0]["files"][0] if key in entry["members"][0]["files"][0] else entry
        )
        target = entry["members"][0]["files"][0] if key == "alternatives" else target
        target[key] = value
    path.write_text(json.dumps(document))


URL = {"kind": "url", "path": "https://example.org/a.th", "format": "native", "sha256": "0" * 64}

ENTRIES = {
    "file-outside": {"path": "../../../outside.safetensors"},
    "file-absolute": {"path": "/etc/passwd"},
    "file-of-a-folder": {"path": "x/y.safetensors"},
    "file-at-an-address": URL,
    "file-bundled": {"kind": "bundled", "path": "mini.safetensors"},
    "file-on-the-hub": {"kind": "hub", "path": "a/b", "repo": "a/b", "revision": "0" * 40},
    "alternative-elsewhere": {"alternatives": [URL]},
    "alternative-bundled": {
        "alternatives": [URL | {"kind": "bundled", "path": "mini.safetensors"}]
    },
    "name-of-another": {"name": "mini"},
    "name-in-another-case": {"name": victims.NAME.upper()},
    "name-outside": {"name": "../x"},
    "alias-of-the-manifest": {"aliases": ["e07c671f"]},
    "alias-in-another-case": {"aliases": ["MINI"]},
    "default": {"default_for": "stems"},
    "nothing": {"members": []},
    "text": {"members": "x"},
}


@pytest.mark.parametrize("lie", ENTRIES)
def test_an_imported_model_that_is_another_is_not_there(attack, mine, lie):
    rewritten(mine, **ENTRIES[lie])

    attack.refused(loader.load, victims.NAME, error=UnknownModelError)
    assert attack.survives(catalogue.imported) == {}
    assert catalogue.get("mini").files[0].kind == "bundled"
    assert catalogue.get("e07c671f").name == "demucs"
    assert catalogue.get("MINI").name == "mini"


@pytest.mark.parametrize("hashes", [{"sha256": "0" * 64}, {"sha256": None}, {"size": 3}], ids=str)
def test_an_imported_model_of_another_hash_is_refused(attack, mine, hashes):
    rewritten(mine, **hashes)

    attack.refused(loader.load, victims.NAME)


def test_an_imported_model_whose_file_was_changed_is_refused(attack, mine):
    corrupt(next(mine.glob("*.safetensors")))

    attack.refused(loader.load, victims.NAME, said="is not what the manifest says")


def test_an_imported_model_that_is_a_link_out_of_the_cache_is_refused(attack, mine):
    file = next(mine.glob("*.safetensors"))
    file.rename(attack.folder / "outside.safetensors")
    file.symlink_to(attack.folder / "outside.safetensors")
    attack.refused(loader.load, victims.NAME, said="outside the cache")

    shutil.move(mine, attack.folder / "elsewhere")
    mine.symlink_to(attack.folder / "elsewhere")
    attack.refused(loader.load, victims.NAME, said="outside the cache")


def test_an_imported_model_of_the_manifests_name_is_not_the_manifests(attack, mine):
    other = mine.with_name("mini")
    shutil.copytree(mine, other)
    rewritten(other, name="mini")

    assert attack.survives(loader.load, "mini").sha256 != loader.load(victims.NAME).sha256
    assert loader.load("mini").config.sources == ("drums", "bass", "other", "vocals")


@posix
@pytest.mark.parametrize("place", ["models", "model", "file"])
def test_row_52_an_imported_model_that_anybody_may_write_is_refused(attack, mine, place):
    """Its hash is in a file beside it: who may write one may write both."""
    file = next(mine.glob("*.safetensors"))
    path = {"models": mine.parent, "model": mine, "file": file}[place]
    path.chmod(path.stat().st_mode | 0o002)

    attack.refused(loader.load, victims.NAME, said="anybody may write")

    path.chmod(path.stat().st_mode & ~0o002)
    attack.survives(loader.load, victims.NAME)


@posix
def test_row_52_a_cache_that_anybody_may_write_holds_nothing_else_of_the_manifest(attack, tiny):
    """What another puts there has another hash."""
    attack.survives(loader.load, NAME)
    for folder in (tiny.home, cached().parent):
        folder.chmod(0o777)

    attack.survives(loader.load, NAME)
    corrupt(cached())
    attack.refused(loader.load, NAME)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_an_imported_entry_that_is_a_pipe_is_not_waited_for(attack, mine):
    (mine / catalogue.ENTRY).unlink()
    os.mkfifo(mine / catalogue.ENTRY)

    attack.refused(loader.load, victims.NAME, error=UnknownModelError)


def test_a_file_is_imported_whatever_it_is_called(attack):
    """Its name becomes part of what is said of the model."""
    data = archives.zipped(victims.package(), victims.records())
    for name in ("a\nb.th", "\x1b[2J.th", "x" * 250, "-rf", "a b", "\u202e.th"):
        attack.survives(victims.import_alone, attack.file(data, name))
        assert catalogue.get(victims.NAME).summary.isprintable()
        attack.survives(loader.load, victims.NAME)
        victims.forget()


@pytest.mark.parametrize(
    "name", ["../x", "CON", "con", "a/b", "", ".", "a\0", "A", "\u0430", "x" * 65]
)
def test_row_53_nothing_is_imported_under_a_name_that_leads_elsewhere(attack, name):
    from unmixcli.weights import importer

    path = attack.file(archives.zipped(victims.package(), victims.records()))

    attack.refused(importer.import_file, path, name=name, error=ConfigError)

    assert not store.imported_home().exists()


def test_what_was_refused_leaves_nothing_behind(attack):
    path = attack.file(archives.zipped(pickles.GADGETS["1-reduce-canary"]))

    attack.refused(victims.import_, path)

    assert not (attack.folder / "home").exists()
    assert list((attack.folder / "temporary").iterdir()) == []


# Without the network.


def test_row_45_what_is_here_is_loaded_without_a_socket(attack, tiny, monkeypatch):
    """The guard forbids any to be made."""
    attack.survives(loader.load, NAME)
    monkeypatch.delenv("UNMIXCLI_MIRROR")

    assert attack.survives(loader.load, NAME).name == NAME
    monkeypatch.delenv("UNMIXCLI_OFFLINE")
    assert attack.survives(loader.load, NAME).name == NAME


@pytest.mark.parametrize("kind", ["url", "hub"])
def test_row_46_what_is_not_here_is_refused_without_a_socket(attack, tiny, monkeypatch, kind):
    monkeypatch.delenv("UNMIXCLI_MIRROR")
    if kind == "hub":
        hub = {"kind": "hub", "path": "a/tiny-0.th", "repo": "a/b", "revision": "0" * 40}
        tiny.only_file().update(hub)
        tiny.write()

    for mirror in (None, "https://example.org/mirror"):
        if mirror:
            monkeypatch.setenv("UNMIXCLI_MIRROR", mirror)
        with pytest.raises(WeightsError) as caught:
            attack.survives(loader.load, NAME)
        assert "UNMIXCLI_OFFLINE is set" in str(caught.value)
        assert "models download tiny" in str(caught.value.hint)
