"""Rows 53 to 58: a manifest that is another's."""

from __future__ import annotations

import json
from typing import Any

import pytest

from attacks import manifests
from attacks.manifests import HUB, call, entry, file, member, text
from unmixcli.errors import ConfigError, UnknownModelError, WeightsError
from unmixcli.weights import catalogue, loader, manifest

NAMES = [
    "../../x",
    "..",
    ".",
    "",
    "/etc/x",
    "a/b",
    "a\\b",
    "C:x",
    "CON",
    "con",
    "nul.th",
    "com1",
    "a.",
    ".a",
    "-a",
    "a\0",
    "a\n",
    "a b",
    "A",
    "a" * 65,
    "\u0430bc",  # a Cyrillic letter
    "\uff41",  # a wide one
    "a\u0301",
    "a\u202eb",
    "\ud800",
    "\u0131",  # lower-case to one, upper-case to another
    "\u212a",  # the sign for kelvin, which folds to k
]


def shown(name: str) -> str:
    return ascii(name)[:40]


VALUES: list[Any] = [None, True, 3, -1, 1.5, [], ["a"], {}, {"a": 1}, "a\nb", "\x1b[2J", "\ud800"]


@pytest.fixture
def hostile(attack, monkeypatch):
    """Run ``--model NAME`` with a manifest of that text, as for any user who has named it."""
    monkeypatch.setattr(manifest, "_read_once", manifest.read)

    def use(content: str | bytes, name: str = "hostile") -> Any:
        raw = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
        monkeypatch.setenv("UNMIXCLI_MANIFEST", str(attack.file(raw, "manifest.json")))
        return loader.load(name)

    return use


def refused(attack, hostile, content, **options):
    """A manifest that cannot be meant is an impossible configuration, or impossible weights."""
    return attack.refused(hostile, content, error=(ConfigError, WeightsError), **options)


def test_what_attacks_start_from_is_a_manifest(attack, hostile):
    said = attack.refused(hostile, text(), said="UNMIXCLI_OFFLINE is set")
    assert "hostile.th" in said
    attack.refused(hostile, text(file(HUB)), said="UNMIXCLI_OFFLINE is set")


@pytest.mark.parametrize("name", NAMES, ids=shown)
def test_row_53_a_name_that_could_lead_elsewhere_is_refused(attack, hostile, name):
    refused(attack, hostile, text(entry(name=name)), said="invalid manifest entry")
    alias = text(entry(aliases=[name]))
    if manifest.ALIAS.fullmatch(name):  # an alias is never a path
        attack.refused(hostile, alias, said="UNMIXCLI_OFFLINE is set")
    else:
        refused(attack, hostile, alias, said="invalid manifest entry")


@pytest.mark.parametrize("name", [*NAMES, "x" * 100_000, "~", "$HOME", "%00"], ids=shown)
def test_row_53_a_name_that_a_user_types_leads_nowhere(attack, hostile, name):
    attack.refused(hostile, text(), name, error=(UnknownModelError, WeightsError))
    attack.refused(hostile, text(), f"{name}.safetensors", error=(UnknownModelError, WeightsError))


ADDRESSES = [
    "file:///etc/passwd",
    "http://example.org/a.th",
    "ftp://example.org/a.th",
    "HTTPS://example.org/a.th",
    "data:text/plain,a.th",
    "//example.org/a.th",
    "example.org/a.th",
    "/etc/passwd",
    "https:///a.th",
    "https://user@example.org/a.th",
    "https://user:secret@example.org/a.th",
    "https://example.org:99999/a.th",
    "https://example.org:x/a.th",
    "https://[::1/a.th",
    "https://[::1]/a.th",
    "https://example.org/a b/a.th",
    "https://example.org/\n/a.th",
    "https://example.org/a.th\r\nHost: evil.example",
    "https://ex\u0430mple.org/a.th",
    "https://example.org/\ud800/a.th",
    "https://example.org\\@evil.example/a.th",
    "https://.example.org/a.th",
    "https://example.org/" + "a" * 1000 + "/a.th",
    "javascript:alert(1)/a.th",
]


@pytest.mark.parametrize("address", ADDRESSES, ids=shown)
def test_row_54_an_address_that_is_not_plain_https_is_refused(attack, hostile, address):
    refused(attack, hostile, text(file(path=address)), said="invalid manifest entry")
    other = manifests.FILE | {"path": address}
    refused(attack, hostile, text(file(alternatives=[other])), said="invalid manifest entry")


PATHS = [
    "a/../../b",
    "../b",
    "/b",
    "b/",
    "",
    "a//b",
    ".",
    "..",
    "a/.b",
    "a/b\0",
    "a/b\n",
    "a\\..\\b",
    "C:/b",
    "a/CON",
    "a/b.",
    "a/~",
    "a?/../b",
    "a#/b",
    "a/%2e%2e/b",
]


@pytest.mark.parametrize("path", PATHS, ids=shown)
def test_row_55_a_path_that_could_lead_elsewhere_is_refused(attack, hostile, path):
    for base in (HUB, manifests.FILE | {"kind": "bundled"}, manifests.FILE | {"kind": "imported"}):
        refused(attack, hostile, text(file(base, path=path)), said="invalid manifest entry")


@pytest.mark.parametrize("repo", ["../..", "a", "a/b/c", "/a", "a/..", "https://x/y", "a/b?c", ""])
def test_row_55_a_repository_that_is_none_is_refused(attack, hostile, repo):
    refused(attack, hostile, text(file(HUB, repo=repo)), said="invalid manifest entry")


@pytest.mark.parametrize("revision", ["main", "", "../..", "refs/pr/1", "0" * 41, "abc/def"])
def test_row_55_a_revision_that_can_move_is_refused(attack, hostile, revision):
    refused(attack, hostile, text(file(HUB, revision=revision)), said="invalid manifest entry")


DOCUMENTS = {
    "a-million-entries": '{"schema": 1, "models": [' + "{}," * 1_000_000 + "{}]}",
    "a-megabyte-of-blanks": " " * (1 << 20) + text(),
    "many-numbers": json.dumps({"models": [0] * 300_000}),
    "many-empty-entries": '{"schema": 1, "models": [' + "{}," * 100_000 + "{}]}",
    "nested-lists": '{"schema": 1, "models": ' + "[" * 400_000 + "]" * 400_000 + "}",
    "nested-tables": '{"models":' * 80_000 + "1" + "}" * 80_000,
    "nested-name": text().replace('"hostile"', "[" * 900 + "]" * 900),
    "nested-name-deeply": text().replace('"hostile"', "[" * 100_000 + "]" * 100_000),
    "a-key-twice": text().replace('"aliases": []', '"aliases": [], "aliases": ["x"]'),
    "models-twice": text().replace('"models"', '"models": [], "models"'),
    "a-hash-twice": text().replace('"sha256": "', '"sha256": "1", "sha256": "'),
    "a-name-twice": text(entry(), entry()),
    "a-name-and-an-alias": text(entry(), entry(name="other", aliases=["hostile"])),
    "an-alias-in-another-case": text(entry(), entry(name="other", aliases=["HOSTILE"])),
    "nan": text().replace("8000", "NaN"),
    "infinity": text().replace("8000", "Infinity"),
    "beyond-a-float": text().replace("8000", "1e999"),
    "digits": text().replace("8000", "9" * 10_000),
    "cut": text()[:-5],
    "empty": "",
    "null": "null",
    "a-list": "[]",
    "a-text": '"models"',
    "models-a-table": '{"schema": 1, "models": {}}',
    "models-a-text": '{"schema": 1, "models": "hostile"}',
    "not-utf-8": b"\xff\xfe",
    "utf-16": text().encode("utf-16"),
    "nul": b"\0" * 100,
    "half-a-character": text(entry(summary="\ud800")),
    "a-pickle": b"\x80\x04\x95",
}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_row_56_a_document_that_is_none_is_refused(attack, hostile, document):
    refused(attack, hostile, DOCUMENTS[document])


def test_row_56_a_manifest_without_end_is_refused(attack, hostile, monkeypatch):
    """Its size is said to be 0."""
    monkeypatch.setenv("UNMIXCLI_MANIFEST", "/dev/zero")

    attack.refused(catalogue.models, error=ConfigError, said="larger than")


@pytest.mark.parametrize(
    "hashes",
    [
        {"sha256": None},
        {"sha256": ""},
        {"sha256": None, "sha256_prefix": ""},
        {"sha256": None, "sha512": "", "git_blob_sha1": ""},
    ],
    ids=str,
)
def test_row_57_a_file_without_a_hash_is_refused(attack, hostile, hashes, monkeypatch):
    """Even where it could be had, and even where it is here."""
    mirror = attack.file(b"x" * 1000, "mirror/hostile/hostile.th").parent.parent
    attack.file(b"x" * 1000, "home/weights/hostile/hostile.th")

    refused(attack, hostile, text(file(**hashes)), said="hash")
    monkeypatch.setenv("UNMIXCLI_MIRROR", str(mirror))
    refused(attack, hostile, text(file(**hashes)), said="hash")


@pytest.mark.parametrize(
    "hashes",
    [
        {"sha256": "0"},
        {"sha256": "0" * 63},
        {"sha256": "0" * 65},
        {"sha256": "A" * 64},
        {"sha256": "g" * 64},
        {"sha256": None, "sha256_prefix": "0" * 7},
        {"sha256": None, "sha256_prefix": "0"},
        {"sha256": None, "sha512": "0" * 8},
        {"sha256": None, "git_blob_sha1": "0" * 8},
        {"sha256": ["0" * 64]},
        {"sha256": 0},
        {"sha256": None, "sha256_prefix": {}},
    ],
    ids=str,
)
def test_row_57_a_hash_that_would_fit_many_files_is_refused(attack, hostile, hashes):
    refused(attack, hostile, text(file(**hashes)), said="invalid manifest entry")


def test_row_57_a_key_of_pips_is_not_taken_for_ours(attack, hostile):
    refused(attack, hostile, text(file(sha256=None, md5="0" * 32)), said="invalid manifest entry")


@pytest.mark.parametrize("depth", [1, 50, 5000])
def test_alternatives_of_alternatives_are_refused(attack, hostile, depth):
    content = text(manifests.nested_alternatives(min(depth, 150)))
    if depth > 150:
        begin, end = content.split('"alternatives": []')
        piece = '"alternatives": [{' * depth + "}]" * depth
        content = f"{begin}{piece}{end}"

    if depth == 1:  # one is what they are there for
        attack.refused(hostile, content, said="UNMIXCLI_OFFLINE is set")
    else:
        refused(attack, hostile, content)


FIELDS = [
    *(entry(**{key: value}) for key in manifests.ENTRY for value in VALUES),
    *(member(**{key: value}) for key in ("constructor", "shares", "files") for value in VALUES),
    *(call(**{key: value}) for key in ("system", "class", "options") for value in VALUES),
    *(file(**{key: value}) for key in manifests.FILE for value in VALUES),
    *(file(HUB, **{key: value}) for key in ("repo", "revision", "path") for value in VALUES),
    *(entry(licence={"spdx": value}) for value in VALUES),
    *(entry(licence={"spdx": "MIT", "summary": value}) for value in VALUES),
    *(entry(inference={"segment": value}) for value in VALUES),
    *(entry(scores=[value]) for value in VALUES),
    *(entry(sources=[value]) for value in VALUES),
    *(entry(members=[value]) for value in VALUES),
    *(member(files=[value]) for value in VALUES),
    *(member(shares=[value]) for value in VALUES),
    *(call(options={"channels": value}) for value in VALUES),
    *(call(options={"sources": value}) for value in VALUES),
    *(call(options={value: 1}) for value in ("a\nb", "\ud800", "x" * 10_000)),
]


def test_row_56_a_value_of_another_kind_anywhere_is_an_error_of_ours(attack, hostile, monkeypatch):
    """Or none at all; but never a traceback, and never a model."""
    monkeypatch.setenv("UNMIXCLI_LICENCE_POLICY", "permissive")

    def all_of_them() -> None:
        for number, changed in enumerate(FIELDS):
            try:
                hostile(text(changed))
            except (ConfigError, WeightsError) as error:
                assert str(error).isprintable(), changed  # noqa: PT017 each of many
                assert len(str(error)) < 1000, changed  # noqa: PT017
            else:
                raise AssertionError(f"{number}: {changed}")

    attack.survives(all_of_them)


@pytest.mark.parametrize("word", ["os.system", "attacks.canary.sing", "builtins.eval", "__init__"])
def test_row_30_a_manifest_never_chooses_code(attack, hostile, word):
    for changed in (
        entry(architecture=word),
        call(system=word),
        call(**{"class": word}),
        file(format=word),
        file(kind=word),
        entry(inference={"segment": 1, "tail": word}),
    ):
        refused(attack, hostile, text(changed))


@pytest.mark.parametrize(
    "options",
    [
        {"sources": 10**9},
        {"sources": ["a"] * 4000},
        {"sources": [f"s{n}" for n in range(5000)]},
        {"sources": ["../../x"]},
        {"channels": 10**5},
        {"depth": 10**9},
        {"segment_length": 1 << 60},
        {"segment_length": "x"},
        {"samplerate": 1e999},
        {"lstm_layers": [[[[]]]]},
        {"x" * 1000: 1},
    ],
    ids=lambda options: str(options)[:30],
)
def test_rows_31_and_32_a_constructor_called_with_what_is_impossible_is_refused(
    attack, hostile, options, monkeypatch
):
    content = b"x" * 1000
    mirror = attack.file(content, "mirror/hostile/hostile.th").parent.parent
    monkeypatch.setenv("UNMIXCLI_MIRROR", str(mirror))

    refused(attack, hostile, text(call(options=options)))


def test_row_58_the_manifest_comes_with_the_package_or_by_the_users_word(monkeypatch):
    """None is ever fetched; what the environment names is no address."""
    monkeypatch.setenv("UNMIXCLI_MANIFEST", "https://example.org/manifest.json")

    with pytest.raises(ConfigError, match="cannot read the manifest"):
        manifest.models()
